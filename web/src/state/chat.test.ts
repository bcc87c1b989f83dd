import { describe, expect, test } from "vitest";
import {
  chatLines, compareIds, emptyChat, withAcknowledged, withEdit, withMessages, withoutOlderThan, withProblem, withUnsent,
} from "./chat";
import { dj, guest, message } from "./fixtures";

const mine = { nonce: "n1", user: guest, text: "hello", atMs: 5, replyTo: null, problem: null };

const texts = (chat: Parameters<typeof chatLines>[0]): string[] => chatLines(chat, guest.id).map((line) => line.text);

describe("the chat", () => {
  test("is ordered by id, whatever order things arrive in", () => {
    const chat = withMessages(withMessages(emptyChat, [message("30"), message("9")]), [message("12"), message("100")]);
    expect(chat.lines.map((line) => line.id)).toEqual(["9", "12", "30", "100"]);
  });

  test("shows a message once, however often it comes", () => {
    const chat = withMessages(withMessages(emptyChat, [message("1")]), [message("1"), message("1")]);
    expect(chat.lines).toHaveLength(1);
  });

  test("keeps the newest edit, also when history brings an older text afterwards", () => {
    const edited = withEdit(withMessages(emptyChat, [message("1")]), "1", 2, "second");
    expect(texts(withEdit(edited, "1", 1, "first"))).toEqual(["second"]);
    expect(texts(withMessages(edited, [message("1", { text: "old" })]))).toEqual(["second"]);
    expect(texts(withMessages(edited, [message("1", { text: "third", edit_rev: 3 })]))).toEqual(["third"]);
  });

  test("remembers an edit of a line that is still on its way", () => {
    const early = withEdit(emptyChat, "7", 1, "edited");
    expect(texts(withMessages(early, [message("7")]))).toEqual(["edited"]);
  });

  test("keeps the place of a deleted line and drops its text", () => {
    const chat = withEdit(withMessages(emptyChat, [message("1"), message("2")]), "1", 1, null);
    const [first, second] = chatLines(chat, guest.id);
    expect(first).toMatchObject({ deleted: true, text: "", edited: false });
    expect(second).toMatchObject({ deleted: false });
  });

  test("tells one's own lines from others'", () => {
    const lines = chatLines(withMessages(emptyChat, [message("1"), message("2", { user: guest })]), guest.id);
    expect(lines.map((line) => line.mine)).toEqual([false, true]);
  });
});

describe("an own line", () => {
  test("shows at once, after everything that was said", () => {
    const lines = chatLines(withUnsent(withMessages(emptyChat, [message("5")]), mine), guest.id);
    expect(lines.map(({ text, state }) => [text, state])).toEqual([["line 5", "sent"], ["hello", "pending"]]);
  });

  test("stays one line, with one key, when the event comes before the answer", () => {
    const pending = withUnsent(emptyChat, mine);
    const key = chatLines(pending, guest.id)[0]?.key;
    const told = withMessages(pending, [message("8", { user: guest, text: "hello", nonce: "n1" })]);
    const answered = withAcknowledged(told, "n1", "8");
    expect(chatLines(answered, guest.id)).toHaveLength(1);
    expect(chatLines(answered, guest.id)[0]).toMatchObject({ id: "8", state: "sent", key });
  });

  test("stays one line when the answer comes first", () => {
    const answered = withAcknowledged(withUnsent(emptyChat, mine), "n1", "8");
    const told = withMessages(answered, [message("8", { user: guest, text: "hello", nonce: "n1" })]);
    expect(chatLines(told, guest.id)).toHaveLength(1);
    expect(chatLines(told, guest.id)[0]).toMatchObject({ key: "n1", state: "sent" });
  });

  test("is not taken for somebody else's that has the same nonce", () => {
    const told = withMessages(withUnsent(emptyChat, mine), [message("8", { user: dj, nonce: "n1" })]);
    expect(chatLines(told, guest.id).map((line) => line.state)).toEqual(["sent", "pending"]);
  });

  test("keeps its text when it is refused, and waits again when it is retried", () => {
    const problem = { code: "muted", message: "no", retryAfterMs: null };
    const failed = withProblem(withUnsent(emptyChat, mine), "n1", problem);
    expect(chatLines(failed, guest.id)[0]).toMatchObject({ state: "failed", text: "hello", problem });
    expect(chatLines(withProblem(failed, "n1", null), guest.id)[0]?.state).toBe("pending");
  });
});

test("letting go of old lines says that there are older ones", () => {
  const chat = withoutOlderThan(withMessages(emptyChat, [message("1"), message("2"), message("3")]), "2");
  expect(chat.lines.map((line) => line.id)).toEqual(["2", "3"]);
  expect(chat.hasOlder).toBe(true);
});

test("ids are compared as numbers, beyond what a double holds", () => {
  expect(compareIds("9", "10")).toBeLessThan(0);
  expect(compareIds("9007199254740993", "9007199254740992")).toBeGreaterThan(0);
  expect(compareIds("42", "42")).toBe(0);
});
