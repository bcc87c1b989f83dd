/** Which of many tracks may join the queue: pure rules. */

import type { TrackBody } from "../../state/model";

/** As `rooms.queue.MAX_ENTRIES` on the server. */
export const MAX_QUEUE = 200;

/** Whether a track may be queued: it is music, and its file is there or has been encoded already. */
export function queueable({ status, offline }: Pick<TrackBody, "status" | "offline">): boolean {
  return status !== "failed" && (offline !== true || status === "ready");
}

export interface Fitting {
  /** In their order. */
  readonly take: readonly TrackBody[];
  readonly unplayable: number;
  /** For these there is no place left. */
  readonly tooMany: number;
}

/** What of `tracks` a queue takes in which `waiting` tracks wait. */
export function fitting(tracks: readonly TrackBody[], waiting: number): Fitting {
  const good = tracks.filter(queueable);
  const take = good.slice(0, Math.max(0, MAX_QUEUE - waiting));
  return { take, unplayable: tracks.length - good.length, tooMany: good.length - take.length };
}
