/** Which lines a chat draws: messages and the room's own words between them, in the order of time. Pure. */

import type { ChatLine } from "../../state/model";

/** The room says what began to play; known only to who was there. */
export interface Announcement {
  readonly key: string;
  readonly text: string;
  readonly atMs: number;
}

export type Row =
  | { readonly kind: "line"; readonly key: string; readonly line: ChatLine; readonly named: boolean }
  | { readonly kind: "announcement"; readonly key: string; readonly text: string };

/** A person who goes on within this time is not named again. */
const TOGETHER_MS = 180_000;

/** Both lists are oldest first, and so is the result. */
export function rowsOf(chat: readonly ChatLine[], announcements: readonly Announcement[]): Row[] {
  const rows: Row[] = [];
  let next = 0;
  let before: ChatLine | null = null;
  const announceUntil = (atMs: number) => {
    for (; next < announcements.length; next += 1) {
      const announcement = announcements[next];
      if (announcement === undefined || announcement.atMs > atMs) return;
      rows.push({ kind: "announcement", key: announcement.key, text: announcement.text });
      before = null;
    }
  };
  for (const line of chat) {
    announceUntil(line.atMs);
    const same: boolean =
      before?.user.id === line.user.id &&
      before.user.name === line.user.name &&
      line.atMs - before.atMs < TOGETHER_MS;
    rows.push({ kind: "line", key: line.key, line, named: !same || line.replyTo !== null });
    before = line;
  }
  announceUntil(Infinity);
  return rows;
}

/** What a screen reader hears of new lines: one in full, several as a number with the newest. */
export function newLinesOf(chat: readonly ChatLine[], lastKey: string | null): readonly ChatLine[] {
  if (lastKey === null) return [];
  const at = chat.findIndex((line) => line.key === lastKey);
  return at < 0 ? [] : chat.slice(at + 1).filter((line) => !line.mine && !line.deleted);
}

/** What the text field is for at the moment. */
export type Writing =
  | { readonly kind: "new" }
  | { readonly kind: "edit" | "answer"; readonly line: ChatLine };

export const NEW_LINE: Writing = { kind: "new" };
