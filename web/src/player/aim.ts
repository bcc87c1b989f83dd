/** When to press play so that a silent player comes in on the beat, or where to seek when it cannot. Pure. */

import { positionAt } from "../state/timeline";
import type { Playback } from "../state/wire";

export type Aim =
  | { readonly kind: "play"; readonly inMs: number }
  | { readonly kind: "seek"; readonly toMs: number };

/** Coming in this late is heard by nobody; for more, another short silence is worth it. */
const LATE_MS = 12;

/** Waiting longer than this in silence is worse than a seek back; an anchor in the future is waited for. */
const EARLY_MS = 700;

/** What a seek may take longer than usual. */
const SEEK_MARGIN_MS = 20;

export interface Readiness {
  /** Where the silent player stands. */
  readonly standsMs: number;
  /** Nothing has sounded since the last load or seek. Otherwise what comes first is what was on its way to the ear. */
  readonly exact: boolean;
  readonly startDelayMs: number;
  readonly seekDelayMs: number;
}

/** The next step for a player that is loaded and silent, at server time `nowMs`, while the room plays. */
export function aim(playback: Playback, nowMs: number, ready: Readiness): Aim {
  const meetsAtMs = playback.anchor_ms + (ready.standsMs - playback.position_ms) / playback.rate;
  const inMs = meetsAtMs - ready.startDelayMs - nowMs;
  const early = nowMs < playback.anchor_ms ? playback.anchor_ms - nowMs + 1 : EARLY_MS;
  if (ready.exact && inMs >= -LATE_MS && inMs <= early) return { kind: "play", inMs: Math.max(0, inMs) };
  const soundsAtMs = nowMs + ready.startDelayMs + ready.seekDelayMs + SEEK_MARGIN_MS;
  return { kind: "seek", toMs: Math.max(0, positionAt(playback, soundsAtMs)) };
}
