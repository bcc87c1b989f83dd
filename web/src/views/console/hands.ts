/** What the DJ's hands do with tracks, wherever these are listed. Everything says how it went. */

import { t, tn } from "../../i18n";
import type { Desk, Room, TrackBody } from "../../state/model";
import { attempt, notices } from "../notices.svelte";
import { fitting } from "./queueing";

export interface Hands {
  add(track: TrackBody): Promise<boolean>;
  /** In their order, as many as there is room for. */
  addAll(tracks: readonly TrackBody[]): Promise<boolean>;
  /** Hears it here alone. Call it inside the tap. */
  cue(track: { readonly id: string; readonly title: string; readonly cover?: string | null }): void;
  /** Shows what is known of it. */
  open(track: TrackBody): void;
}

export function handsOf(room: Room, desk: Desk, open: (track: TrackBody) => void, spoken: (text: string) => void): Hands {
  return {
    open,
    cue: ({ id, title, cover }) => desk.cue.play(id, title, cover ?? null),
    async add(track) {
      const added = await attempt(room.dj.add(track.id));
      if (added) spoken(t("library.added", { title: track.title }));
      return added;
    },
    addAll: (tracks) => addAll(room, tracks),
  };
}

/** Puts tracks at the end of the queue and says what was left out. */
export async function addAll(room: Room, tracks: readonly TrackBody[]): Promise<boolean> {
  const { take, unplayable, tooMany } = fitting(tracks, room.get().queue.length);
  if (take.length > 0 && !(await attempt(room.dj.addMany(take.map(({ id }) => id))))) return false;
  const said = take.length > 0 || tooMany === 0 ? [tn("queue.added_many", take.length)] : [];
  if (unplayable > 0) said.push(tn("queue.unplayable", unplayable));
  if (tooMany > 0) said.push(tn("queue.too_many", tooMany));
  notices.show(said.join(" "));
  return take.length > 0;
}
