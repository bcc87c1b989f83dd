/** Makes the snapshot that the views draw; parts that did not change stay the same objects. Pure. */

import { chatLines, type Chat } from "./chat";
import type { ChatLine, ListenView, Problem, RoomStatus, RoomView, Sounding, SyncView } from "./model";
import type { Parts } from "./parts";
import type { Entry, Playback, RoomRole } from "./wire";

/** What the badge calls "in sync": below it two devices in one room are heard as one sound. */
export const IN_SYNC_MS = 40;

export interface Ingredients {
  readonly status: RoomStatus;
  readonly problem: Problem | null;
  readonly parts: Parts | null;
  /** Playback and queue at this moment. */
  readonly now: { readonly playback: Playback; readonly entries: readonly Entry[] } | null;
  /** The entry that sounds here; null when nothing does. */
  readonly heardEntryId: string | null;
  readonly loadingOlder: boolean;
  readonly typing: readonly string[];
  readonly listen: ListenView;
  readonly sync: SyncView;
}

/** What there is to draw before the first answer. */
export const beforeAnything: Ingredients = {
  status: "connecting",
  problem: null,
  parts: null,
  now: null,
  heardEntryId: null,
  loadingOlder: false,
  typing: [],
  listen: { state: "off", problem: null, volume: 1, muted: false, volumeFixed: false },
  sync: { inSync: false, errorMs: null, clockErrorMs: null, rttMs: null },
};

/** The badge: rounded, so that it does not flicker with every reading. */
export function syncView(
  errorMs: number | null,
  sounds: boolean,
  clock: { readonly doubtMs: number | null; readonly rttMs: number | null },
): SyncView {
  const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
  const { doubtMs, rttMs } = clock;
  return {
    inSync: sounds && errorMs !== null && Math.abs(errorMs) < IN_SYNC_MS,
    errorMs: sounds ? rounded(errorMs) : null,
    clockErrorMs: doubtMs === null ? null : Math.ceil(doubtMs),
    rttMs: rounded(rttMs),
  };
}

export class ViewMaker {
  private chat: Chat | null = null;
  private told: Parts["roles"] | null = null;
  private roles: ReadonlyMap<string, RoomRole> = new Map();
  private lines: readonly ChatLine[] = [];
  private sounding: Sounding = { entryId: null, track: null, playing: false };

  make(from: Ingredients, before: RoomView | null): RoomView {
    const { parts, now } = from;
    const me = parts?.me ?? null;
    const view: RoomView = {
      status: from.status,
      problem: from.problem,
      room: parts?.room ?? null,
      playback: now?.playback ?? null,
      sounding: this.soundingNow(from),
      queue: now?.entries ?? [],
      // Before `chat`, which notes that it has seen this one.
      roles: this.rolesOf(parts),
      chat: this.linesOf(parts),
      hasOlder: parts?.chat.hasOlder ?? false,
      loadingOlder: from.loadingOlder,
      listeners: parts?.listeners ?? 0,
      me,
      isDj: me?.role === "dj",
      isModerator: me?.role === "dj" || me?.role === "moderator",
      mutedUntilMs: me?.muted_until_ms ?? null,
      typing: from.typing,
      listen: same(before?.listen, from.listen),
      sync: same(before?.sync, from.sync),
    };
    return before !== null && equalFields(before, view) ? before : view;
  }

  /** A `member` event is newer than whatever role stands in a line. */
  private rolesOf(parts: Parts | null): ReadonlyMap<string, RoomRole> {
    if (parts === null || (parts.chat === this.chat && parts.roles === this.told)) return this.roles;
    const roles = new Map(parts.chat.lines.map(({ user }) => [user.id, user.role]));
    for (const [id, { role }] of parts.roles) roles.set(id, role);
    this.told = parts.roles;
    this.roles = sameEntries(this.roles, roles) ? this.roles : roles;
    return this.roles;
  }

  private linesOf(parts: Parts | null): readonly ChatLine[] {
    if (parts === null || parts.chat === this.chat) return this.lines;
    this.chat = parts.chat;
    this.lines = chatLines(parts.chat, parts.me.user.id);
    return this.lines;
  }

  /** The title changes with the sound: what is still in the air counts, not what the server has moved on to. */
  private soundingNow({ parts, now, heardEntryId }: Ingredients): Sounding {
    const playback = now?.playback;
    const held = heardEntryId !== null && heardEntryId !== playback?.entry_id && heardEntryId === this.sounding.entryId;
    if (!held && parts !== null) {
      const next = {
        entryId: playback?.entry_id ?? null,
        track: playback?.track ?? null,
        playing: playback?.playing ?? false,
      };
      this.sounding = same(this.sounding, next);
    }
    return this.sounding;
  }
}

function sameEntries(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...b].every(([key, value]) => a.get(key) === value);
}

function equalFields(a: object, b: object): boolean {
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return Object.keys(right).every((key) => Object.is(left[key], right[key]));
}

/** `known` when it says the same as `fresh`, field by field. */
function same<T extends object>(known: T | undefined, fresh: T): T {
  return known !== undefined && equalFields(known, fresh) ? known : fresh;
}
