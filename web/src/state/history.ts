/** Reads chat history: older pages on scroll, and what was missed after a reset. */

import type { Http } from "../realtime/http";
import { compareIds, withMessages, withoutOlderThan, type Chat } from "./chat";
import type { Message, MessagePage } from "./wire";

const PAGE = 50;
const BACK_FILL_PAGE = 100;

/** Loaded lines that are read again after a reset, for edits that were missed; older ones are let go. */
const REFRESHED = 200;

/** Beyond this many missed messages the list starts over with the newest ones. */
const BACK_FILL_PAGES = 10;

/** What changes a chat; applied to the newest one, which may have grown while pages were read. */
export type Amend = (change: (chat: Chat) => Chat) => void;

function messagesPath(roomId: string, query: string): string {
  return `/v1/rooms/${roomId}/messages?${query}`;
}

/** The id just below `id`. */
export function idBefore(id: string): string {
  return (BigInt(id) - 1n).toString();
}

/** Puts the page before the oldest line in front. */
export async function loadOlder(http: Http, roomId: string, chat: Chat, amend: Amend): Promise<void> {
  const oldest = chat.lines[0];
  const query = `${oldest === undefined ? "" : `before=${oldest.id}&`}limit=${PAGE}`;
  const page = await http.get<MessagePage>(messagesPath(roomId, query));
  amend((now) => ({ ...withMessages(now, page.messages), hasOlder: page.has_more }));
}

/**
 * After a reset `chat` holds lines from before and the newest page: reads everything from the oldest kept line on,
 * so that nothing is missing between them and no edit was missed.
 */
export async function backFill(
  http: Http,
  roomId: string,
  known: Chat,
  newest: readonly Message[],
  amend: Amend,
): Promise<void> {
  const kept = known.lines.slice(-REFRESHED);
  const first = kept[0];
  if (first === undefined) return;
  amend((chat) => withoutOlderThan(chat, first.id));
  let after = idBefore(first.id);
  for (let pages = 0; pages < BACK_FILL_PAGES; pages += 1) {
    const page = await http.get<MessagePage>(messagesPath(roomId, `after=${after}&limit=${BACK_FILL_PAGE}`));
    amend((chat) => withMessages(chat, page.messages));
    const last = newestId(page.messages);
    if (!page.has_more || last === null) return;
    after = last;
  }
  const oldestOfNewest = newest.at(-1);
  if (oldestOfNewest !== undefined) amend((chat) => withoutOlderThan(chat, oldestOfNewest.id));
}

function newestId(messages: readonly Message[]): string | null {
  let newest: string | null = null;
  for (const { id } of messages) if (newest === null || compareIds(id, newest) > 0) newest = id;
  return newest;
}
