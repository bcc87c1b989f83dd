/** One word for what a listener should be told about the sound here. Pure. */

import type { Listening } from "../state/model";

export interface Situation {
  readonly on: boolean;
  readonly blocked: boolean;
  /** Null while the room is not known; true when it plays something. */
  readonly roomPlays: boolean | null;
  readonly trouble: "none" | "passing" | "lasting";
  readonly sounding: boolean;
  /** The track is over here and the room has not gone on yet. */
  readonly ended: boolean;
  readonly stalled: boolean;
}

export function listeningState(now: Situation): Listening {
  if (!now.on) return now.trouble === "none" ? "off" : "failed";
  if (now.blocked) return "blocked";
  if (now.roomPlays === null) return "starting";
  if (!now.roomPlays) return "waiting";
  if (now.trouble !== "none") return now.trouble === "passing" ? "stalled" : "failed";
  if (now.sounding) return "on";
  if (now.ended) return "waiting";
  return now.stalled ? "stalled" : "starting";
}
