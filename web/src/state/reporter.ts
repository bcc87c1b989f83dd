/** Tells the server every few seconds where the DJ's output is; it is the truth for everybody. */

import { shownPositionAt } from "./timeline";
import type { Playback } from "./wire";

/** Two reports in the same direction move the room, so a lag is put right within about ten seconds. */
const EVERY_MS = 5_000;

export interface Output {
  readonly atMs: number;
  readonly positionMs: number;
  readonly stalled: boolean;
  /** How far it is from the room after a start: better known than one position. */
  readonly settledMs?: number | undefined;
}

/** The `playback:report` of a DJ's output. */
export function reportOf(playback: Playback, { atMs, positionMs, stalled, settledMs }: Output): object {
  const knownMs = settledMs === undefined ? positionMs : shownPositionAt(playback, atMs) + settledMs;
  const state = stalled ? "stalled" : "playing";
  return { position_ms: Math.max(0, knownMs), at_ms: atMs, rev: playback.rev, state, settled: settledMs !== undefined };
}

export class Reporter {
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly report: () => void) {}

  start(): void {
    this.stop();
    this.timer = setInterval(this.report, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
