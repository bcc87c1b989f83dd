/**
 * How a player that is a little off comes back: rarely, in bursts, and not at all when it is near enough. Pure.
 *
 * A rate that follows the error continuously oscillates (23-35 ms at the 95th percentile between two browsers, up to
 * 89 different rates). The median of a few readings and then one exact burst stays within 4 ms with 2-3 rates.
 */

/** The readings of one measurement, and how far its halves may be apart in a steady clock. */
export interface Look {
  readonly readings: number;
  readonly everyMs: number;
  readonly steadyMs: number;
}

/** Half a second smooths over the 10 ms steps of some browsers, which scatter by 2 ms then. */
export const CAREFUL: Look = { readings: 8, everyMs: 60, steadyMs: 4 };

/** Right after a start: it may be far off, and every moment of that is heard beside another loudspeaker. */
export const QUICK: Look = { readings: 5, everyMs: 40, steadyMs: 2 };

/** Of a clock that has wandered: one that is still a hundredth wrong is seen only in a second. */
export const PATIENT: Look = { readings: 16, everyMs: 60, steadyMs: 4 };

/** A burst lasts so long: as little bent as that allows, as 1 % and less is not heard at all … */
const BURST_MS = 800;

/** … and never by more than this, which is most of a semitone: heard only as coming into step. */
const NUDGE = 0.05;

/** Readings themselves scatter by a few ms; below this a correction would only add to it. */
const NEAR_MS = 6;

/** A burst for this would take 2 s of wrong pitch beside everybody else; a seek is one gap of 0.2 s. */
const SEEK_BEYOND_MS = 90;

/** Where a seek may not be, a burst is looked at after this; what is left has the next. */
const LONGEST_BURST_MS = 2_000;

/** Still so far off after a burst means that bending does not help here. */
const SEEK_BENT_MS = 40;

/** The DJ's own player is never bent: the room is moved to it after a start, unless that would throw everybody. */
const LEADER_SEEK_SETTLING_MS = 60;
const LEADER_SEEK_MS = 160;

/** After a burst the rate needs a moment to be 1 everywhere in the output before readings count. */
export const REST_MS = 600;

/** Beyond this something has happened (a busy machine swallowed some sound) and waiting would be heard. */
export const FAR_MS = 25;

/** In step: a glance twice a second sees a hiccup, a measurement every two seconds the drift. */
export const GLANCE_EVERY_MS = 500;
export const GLANCES = 4;

export type Correction =
  | { readonly kind: "none" }
  | { readonly kind: "nudge"; readonly rate: number; readonly forMs: number }
  | { readonly kind: "seek" };

export interface Circumstances {
  /** The first measurements after a start or seek. */
  readonly settling: boolean;
  /** This is the DJ's device. */
  readonly leads: boolean;
  /** There were not so many seeks lately that they do not seem to help. */
  readonly maySeek: boolean;
  /** There was a burst against it just now. */
  readonly bent: boolean;
}

/**
 * Whether readings tell where the sound is. After a dropout a browser's clock may run up to 3.5 % wrong for seconds
 * and jump, by 130 ms in all, while what is heard does not move: acting on that throws a player out of step.
 */
export function isSteady(readings: readonly number[], { steadyMs }: Look): boolean {
  const half = readings.length >> 1;
  return half === 0 || Math.abs(median(readings.slice(-half)) - median(readings.slice(0, half))) <= steadyMs;
}

/** The middle of the readings; 0 for none. */
export function median(readings: readonly number[]): number {
  const sorted = [...readings].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** What to do about an error of `errorMs` (positive: ahead of the room). */
export function correctionFor(errorMs: number, circumstances: Circumstances): Correction {
  const size = Math.abs(errorMs);
  if (circumstances.maySeek && size > seekBeyondMs(circumstances)) return { kind: "seek" };
  if (circumstances.leads || size <= NEAR_MS) return { kind: "none" };
  const bend = Math.min(NUDGE, size / BURST_MS);
  return { kind: "nudge", rate: 1 - bend * Math.sign(errorMs), forMs: Math.min(size / bend, LONGEST_BURST_MS) };
}

function seekBeyondMs({ settling, leads, bent }: Circumstances): number {
  if (!leads) return bent ? SEEK_BENT_MS : SEEK_BEYOND_MS;
  return settling ? LEADER_SEEK_SETTLING_MS : LEADER_SEEK_MS;
}
