/**
 * What a room is, from the join reply and the events after it. Pure.
 *
 * Parts come whole and carry `rev`; one that is not newer is ignored, so late, repeated and overtaken events are
 * harmless. A join from scratch replaces everything.
 */

import { emptyChat, withEdit, withMessages, type Chat } from "./chat";
import type { JoinReply, Member, Message, Playback, Queue, RoomRole, RoomState } from "./wire";

export interface Parts {
  readonly room: RoomState;
  readonly playback: Playback;
  readonly queue: Queue;
  readonly me: Member;
  readonly listeners: number;
  readonly chat: Chat;
  /** Newest known role of each person a `member` event was about, with the `rev` of that event. */
  readonly roles: ReadonlyMap<string, { readonly rev: number; readonly role: RoomRole }>;
}

/** A full page of history in the join reply: there may be more before it. */
const JOIN_MESSAGES = 50;

/** The parts after a join from scratch; chat lines that were loaded before stay in it. */
export function afterReset(before: Parts | null, reply: JoinReply): Parts {
  const known = before?.chat ?? { ...emptyChat, hasOlder: reply.messages.length >= JOIN_MESSAGES };
  const { room, playback, queue, me, listeners } = reply;
  return { room, playback, queue, me, listeners, chat: withMessages(known, reply.messages), roles: before?.roles ?? new Map() };
}

/** The parts after a resume: what was missed, then the parts as they are. */
export function afterResume(before: Parts, reply: JoinReply): Parts {
  let parts = before;
  for (const [name, payload] of reply.events ?? []) parts = afterEvent(parts, name, payload);
  parts = afterEvent(parts, "room", reply.room);
  parts = afterEvent(parts, "playback", reply.playback);
  parts = afterEvent(parts, "queue", reply.queue);
  const me = reply.me.rev >= parts.me.rev ? reply.me : parts.me;
  return { ...parts, me, listeners: reply.listeners, chat: withMessages(parts.chat, reply.messages) };
}

/** The parts after one event; unknown events change nothing. */
export function afterEvent(parts: Parts, name: string, payload: object): Parts {
  switch (name) {
    case "room":
      return newer(parts.room, payload as RoomState) ? { ...parts, room: payload as RoomState } : parts;
    case "playback":
      return newer(parts.playback, payload as Playback) ? { ...parts, playback: payload as Playback } : parts;
    case "queue":
      return newer(parts.queue, payload as Queue) ? { ...parts, queue: payload as Queue } : parts;
    case "member":
      return afterMember(parts, payload as Member);
    case "listeners":
      return { ...parts, listeners: (payload as { count: number }).count };
    default:
      return afterChatEvent(parts, name, payload);
  }
}

function newer(known: { rev: number }, event: { rev: number }): boolean {
  return event.rev > known.rev;
}

function afterMember(parts: Parts, member: Member): Parts {
  const { rev, role, user } = member;
  const known = parts.roles.get(user.id);
  const roles = known === undefined || rev > known.rev ? new Map(parts.roles).set(user.id, { rev, role }) : parts.roles;
  const me = user.id === parts.me.user.id && newer(parts.me, member) ? member : parts.me;
  return roles === parts.roles && me === parts.me ? parts : { ...parts, roles, me };
}

function afterChatEvent(parts: Parts, name: string, payload: object): Parts {
  const { id, edit_rev, text } = payload as { id: string; edit_rev: number; text: string };
  switch (name) {
    case "chat":
      return { ...parts, chat: withMessages(parts.chat, [payload as Message]) };
    case "chat_edited":
      return { ...parts, chat: withEdit(parts.chat, id, edit_rev, text) };
    case "chat_deleted":
      return { ...parts, chat: withEdit(parts.chat, id, edit_rev, null) };
    default:
      return parts;
  }
}
