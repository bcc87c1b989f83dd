import { expect, test } from "vitest";
import type { Http } from "../realtime/http";
import { compareIds, emptyChat, withEdit, withMessages, type Chat } from "./chat";
import { message } from "./fixtures";
import { backFill, idBefore, loadOlder } from "./history";
import type { Message, MessagePage } from "./wire";

/** A history that answers as the server does: pages newest first, the ones nearest to the cursor. */
class History {
  readonly asked: string[] = [];
  constructor(private readonly all: readonly Message[]) {}

  get http(): Http {
    return { get: (path: string) => Promise.resolve(this.page(path)) } as unknown as Http;
  }

  private page(path: string): MessagePage {
    this.asked.push(path);
    const query = new URLSearchParams(path.split("?")[1]);
    const [after, before, limit] = [query.get("after"), query.get("before"), Number(query.get("limit"))];
    const fits = this.all.filter(
      ({ id }) => (after === null || compareIds(id, after) > 0) && (before === null || compareIds(id, before) < 0),
    );
    const page = after === null ? fits.slice(-limit) : fits.slice(0, limit);
    return { messages: [...page].reverse(), has_more: fits.length > page.length };
  }
}

const all = Array.from({ length: 400 }, (_, i) => message(String(1_000 + i)));
const known = withMessages(emptyChat, all.slice(0, 60));

async function filled(before: Chat, history: readonly Message[]): Promise<Chat> {
  const newest = history.slice(-50).reverse();
  let chat = withMessages(before, newest);
  await backFill(new History(history).http, "1", before, newest, (change) => (chat = change(chat)));
  return chat;
}

test("a back-fill closes the gap between what was known and the newest page", async () => {
  const chat = await filled(known, all);
  expect(chat.lines.map((line) => line.id)).toEqual(all.map(({ id }) => id));
});

test("a back-fill brings edits and deletions that were missed", async () => {
  const edited = all.map((line, i) => (i === 7 ? { ...line, text: "", deleted: true, edit_rev: 1 } : line));
  const chat = await filled(known, edited);
  expect(chat.lines[7]).toMatchObject({ deleted: true });
});

test("a back-fill takes in what is said while it runs", async () => {
  let chat = withMessages(known, all.slice(-50));
  const amend = (change: (chat: Chat) => Chat): void => {
    chat = change(withEdit(withMessages(chat, [message("9000")]), "1390", 4, "live"));
  };
  await backFill(new History(all).http, "1", known, all.slice(-50).reverse(), amend);
  expect(chat.lines).toHaveLength(401);
  expect(chat.lines.find((line) => line.id === "1390")?.text).toBe("live");
});

test("after a very long absence the list starts over, whole, instead of with a hole", async () => {
  const long = Array.from({ length: 3_000 }, (_, i) => message(String(10_000 + i)));
  const chat = await filled(withMessages(emptyChat, long.slice(0, 50)), long);
  const first = long.findIndex(({ id }) => id === chat.lines[0]?.id);
  expect(chat.lines.map((line) => line.id)).toEqual(long.slice(first).map(({ id }) => id));
  expect(chat.hasOlder).toBe(true);
});

test("scrolling back asks for what comes before the oldest line", async () => {
  let chat = withMessages({ ...emptyChat, hasOlder: true }, all.slice(100));
  const history = new History(all);
  await loadOlder(history.http, "1", chat, (change) => (chat = change(chat)));
  expect(history.asked[0]).toContain("before=1100&limit=50");
  expect(chat.lines[0]?.id).toBe("1050");
  expect(chat.hasOlder).toBe(true);
  await loadOlder(history.http, "1", chat, (change) => (chat = change(chat)));
  expect(chat.hasOlder).toBe(false);
});

test("the id before one is exact beyond what a double holds", () => {
  expect(idBefore("9007199254740993")).toBe("9007199254740992");
});
