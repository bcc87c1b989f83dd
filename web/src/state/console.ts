/** The DJ's commands. They name the entry they mean, so that a late or repeated one does nothing. */

import type { Http } from "../realtime/http";
import { randomId } from "../realtime/random";
import type { Console } from "./model";
import type { Settings } from "./wire";

export interface ConsoleHost {
  push<Reply>(command: string, payload: object): Promise<Reply>;
  readonly http: Http;
  roomId(): string | null;
  /** The entry that plays by server time. */
  entryId(): string | null;
  /** A transport tap: this device may sound from now on. */
  tapped(): void;
}

export function makeConsole(host: ConsoleHost): Console {
  const patch = async (body: object): Promise<void> => {
    await host.http.patch(`/v1/rooms/${host.roomId()}`, body);
  };
  const meaning = (): { entry_id?: string } => {
    const entryId = host.entryId();
    return entryId === null ? {} : { entry_id: entryId };
  };
  return {
    async play(entryId, positionMs) {
      host.tapped();
      const entry = entryId === undefined ? {} : { entry_id: entryId };
      await host.push("playback:play", positionMs === undefined ? entry : { ...entry, position_ms: positionMs });
    },
    pause: () => host.push("playback:pause", {}),
    seek: (positionMs) => host.push("playback:seek", { position_ms: Math.max(0, positionMs), ...meaning() }),
    skip: () => host.push("playback:skip", meaning()),
    async add(trackId, before = null) {
      const command = { track_id: trackId, nonce: randomId(), ...(before === null ? {} : { before }) };
      return (await host.push<{ entry_id: string }>("queue:add", command)).entry_id;
    },
    async addMany(trackIds, before = null) {
      const command = { track_ids: trackIds, nonce: randomId(), ...(before === null ? {} : { before }) };
      return (await host.push<{ entry_ids: string[] }>("queue:add_many", command)).entry_ids;
    },
    removeEntry: (entryId) => host.push("queue:remove", { entry_id: entryId }),
    move: (entryId, before) => host.push("queue:move", { entry_id: entryId, before }),
    kick: (userId) => host.push("member:kick", { user_id: userId }),
    mute: (userId, forMs) => host.push("member:mute", { user_id: userId, for_ms: Math.round(forMs) }),
    ban: (userId, banned = true) => host.push("member:ban", { user_id: userId, banned }),
    appoint: (userId, role) => host.push("member:role", { user_id: userId, role }),
    rename: (title) => patch({ title }),
    settings: (settings: Settings) => patch({ settings }),
    end: () => patch({ state: "ended" }),
  };
}
