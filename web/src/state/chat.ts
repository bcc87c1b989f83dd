/**
 * The chat of a room as pure data: history, live events and one's own unsent lines become one ordered list.
 * Lines are ordered by id everywhere; the highest `edit_rev` of a line wins, in whatever order things arrive.
 */

import type { ChatLine, Message, Problem, User } from "./model";

export interface SentLine {
  readonly key: string;
  readonly id: string;
  readonly user: User;
  readonly text: string;
  readonly atMs: number;
  readonly replyTo: string | null;
  readonly editRev: number;
  readonly deleted: boolean;
}

/** A line of one's own that the server has not acknowledged. */
export interface UnsentLine {
  readonly nonce: string;
  readonly user: User;
  readonly text: string;
  readonly atMs: number;
  readonly replyTo: string | null;
  readonly problem: Problem | null;
}

/** An edit of a line that is not loaded, kept for the page of history that may be on its way without it. */
interface EarlyEdit {
  readonly editRev: number;
  /** Null: taken back. */
  readonly text: string | null;
}

export interface Chat {
  /** By id, oldest first. */
  readonly lines: readonly SentLine[];
  /** In the order of sending. */
  readonly unsent: readonly UnsentLine[];
  readonly hasOlder: boolean;
  readonly early: ReadonlyMap<string, EarlyEdit>;
}

export const emptyChat: Chat = { lines: [], unsent: [], hasOlder: false, early: new Map() };

const EARLY_EDITS = 200;

/** Snowflakes as decimal strings without leading zeros: longer is larger. */
export function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Takes messages in, from history, a join reply or a `chat` event. */
export function withMessages(chat: Chat, messages: readonly Message[]): Chat {
  if (messages.length === 0) return chat;
  const byId = new Map(chat.lines.map((line) => [line.id, line]));
  const nonces = new Map(chat.unsent.map((line) => [line.nonce, line]));
  const acknowledged = new Set<string>();
  for (const message of messages) {
    const own = message.nonce == null ? undefined : nonces.get(message.nonce);
    const isOwn = own !== undefined && own.user.id === message.user.id;
    if (isOwn) acknowledged.add(own.nonce);
    const line = amended(lineOf(message, isOwn ? own.nonce : message.id), chat.early.get(message.id));
    byId.set(message.id, newer(byId.get(message.id), line));
  }
  const lines = [...byId.values()].sort((a, b) => compareIds(a.id, b.id));
  return { ...chat, lines, unsent: chat.unsent.filter((line) => !acknowledged.has(line.nonce)) };
}

/** An edit or, with `text` null, a deletion. */
export function withEdit(chat: Chat, id: string, editRev: number, text: string | null): Chat {
  const index = chat.lines.findIndex((line) => line.id === id);
  const edit = { editRev, text };
  const line = chat.lines[index];
  if (line === undefined) return { ...chat, early: remembered(chat.early, id, edit) };
  const changed = amended(line, edit);
  return changed === line ? chat : { ...chat, lines: chat.lines.with(index, changed) };
}

export function withUnsent(chat: Chat, line: UnsentLine): Chat {
  return { ...chat, unsent: [...chat.unsent.filter((other) => other.nonce !== line.nonce), line] };
}

/** Marks an unsent line as failed, or as pending again with null. */
export function withProblem(chat: Chat, nonce: string, problem: Problem | null): Chat {
  const unsent = chat.unsent.map((line) => (line.nonce === nonce ? { ...line, problem } : line));
  return { ...chat, unsent };
}

export function withoutUnsent(chat: Chat, nonce: string): Chat {
  return { ...chat, unsent: chat.unsent.filter((line) => line.nonce !== nonce) };
}

/** The server has stored an own line under `id`; its `chat` event may come before or after. */
export function withAcknowledged(chat: Chat, nonce: string, id: string): Chat {
  const own = chat.unsent.find((line) => line.nonce === nonce);
  if (own === undefined) return chat;
  const message = { id, user: own.user, text: own.text, at_ms: own.atMs, nonce, reply_to: own.replyTo };
  return withMessages(chat, [message]);
}

/** Drops lines older than `oldestId`: what was there may have changed unseen and can be read again. */
export function withoutOlderThan(chat: Chat, oldestId: string): Chat {
  const lines = chat.lines.filter((line) => compareIds(line.id, oldestId) >= 0);
  return lines.length === chat.lines.length ? chat : { ...chat, lines, hasOlder: true };
}

/** What the views draw: sent lines by id, then one's own unsent ones. */
export function chatLines(chat: Chat, selfId: string | null): readonly ChatLine[] {
  return [...chat.lines.map((line) => drawnSent(line, selfId)), ...chat.unsent.map(drawnUnsent)];
}

function lineOf(message: Message, key: string): SentLine {
  return {
    key,
    id: message.id,
    user: message.user,
    text: message.text,
    atMs: message.at_ms,
    replyTo: message.reply_to ?? null,
    editRev: message.edit_rev ?? 0,
    deleted: message.deleted ?? false,
  };
}

/** Of two versions of one line the newer; the key it was first drawn with stays. */
function newer(known: SentLine | undefined, line: SentLine): SentLine {
  if (known === undefined) return line;
  if (line.editRev < known.editRev) return known;
  return { ...line, key: known.key, deleted: line.deleted || (known.deleted && line.editRev === known.editRev) };
}

function amended(line: SentLine, edit: EarlyEdit | undefined): SentLine {
  if (edit === undefined || edit.editRev <= line.editRev) return line;
  return { ...line, editRev: edit.editRev, text: edit.text ?? "", deleted: edit.text === null };
}

function remembered(early: Chat["early"], id: string, edit: EarlyEdit): Chat["early"] {
  if ((early.get(id)?.editRev ?? -1) >= edit.editRev) return early;
  const next = new Map(early);
  next.delete(id);
  next.set(id, edit);
  const [oldest] = next.keys();
  if (next.size > EARLY_EDITS && oldest !== undefined) next.delete(oldest);
  return next;
}

function drawnSent(line: SentLine, selfId: string | null): ChatLine {
  const { key, id, user, text, atMs, replyTo, deleted } = line;
  const edited = line.editRev > 0 && !deleted;
  return { key, id, user, text, atMs, replyTo, deleted, edited, mine: user.id === selfId, state: "sent", problem: null };
}

function drawnUnsent(line: UnsentLine): ChatLine {
  const { nonce, user, text, atMs, replyTo, problem } = line;
  const state = problem === null ? "pending" : "failed";
  return {
    key: nonce, id: null, user, text, atMs, replyTo, problem, state, edited: false, deleted: false, mine: true,
  };
}
