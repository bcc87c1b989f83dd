/**
 * Server time on this device: the four-timestamp exchange, filtered. Pure.
 *
 * Offsets measured over a slow round trip are wrong by up to half of it, so the sample with the least doubt
 * counts, not the mean: over loopback single offsets scattered by 0.5-61 ms, the best one was within 0.22 ms.
 */

/** One exchange: sent at `t1`, received there at `t2`, answered at `t3`, back at `t4`; 1 and 4 by the local clock. */
export interface Exchange {
  readonly t1: number;
  readonly t2: number;
  readonly t3: number;
  readonly t4: number;
  /** What the server itself doubts, in ms. */
  readonly err_ms: number;
}

interface Sample {
  readonly offsetMs: number;
  readonly rttMs: number;
  readonly errMs: number;
  readonly atMs: number;
}

/** Two quartz clocks part by up to about 50 ppm; a sample's doubt grows by that. */
const DRIFT_PER_MS = 50e-6;

/** At one sample in 15 s these are the last ten minutes; older ones would have lost to drift anyway. */
const KEPT = 40;

/** Two clocks that part by more than this were stopped or set: sleep, or somebody turned the clock. */
const LEAP_MS = 250;

export class ClockFilter {
  private samples: Sample[] = [];
  /** What was believed before a reset; better than nothing until the next answer. */
  private staleMs: number | null = null;

  /** Takes an exchange in; one whose times run backwards is ignored. */
  add(exchange: Exchange): void {
    const { t1, t2, t3, t4 } = exchange;
    const rttMs = t4 - t1 - (t3 - t2);
    if (!Number.isFinite(rttMs) || rttMs < 0 || t3 < t2) return;
    const sample = { offsetMs: (t2 - t1 + (t3 - t4)) / 2, rttMs, errMs: exchange.err_ms, atMs: t4 };
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.shift();
  }

  /** The samples no longer count. `leapMs` is how far the local clock is known to have fallen behind. */
  reset(localMs: number, leapMs = 0): void {
    const offsetMs = this.offsetMs(localMs);
    this.staleMs = offsetMs === null ? null : offsetMs + leapMs;
    this.samples = [];
  }

  get size(): number {
    return this.samples.length;
  }

  /** What to add to local time; null before the first sample. */
  offsetMs(localMs: number): number | null {
    return this.best(localMs)?.offsetMs ?? this.staleMs;
  }

  /** How far `offsetMs` may be wrong; null before the first sample. */
  doubtMs(localMs: number): number | null {
    const best = this.best(localMs);
    return best === null ? null : doubtMs(best, localMs) + best.errMs;
  }

  /** The shortest round trip that is remembered. */
  rttMs(): number | null {
    return this.samples.length === 0 ? null : Math.min(...this.samples.map((sample) => sample.rttMs));
  }

  private best(localMs: number): Sample | null {
    let best: Sample | null = null;
    for (const sample of this.samples) {
      if (best === null || doubtMs(sample, localMs) <= doubtMs(best, localMs)) best = sample;
    }
    return best;
  }
}

function doubtMs(sample: Sample, localMs: number): number {
  return sample.rttMs / 2 + Math.abs(localMs - sample.atMs) * DRIFT_PER_MS;
}

/** Local time in Unix ms with fractions, never stepping while the page lives (unlike `Date.now()`). */
export function localNow(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Notices that the page's clock stood still (the machine slept) or the machine's was set.
 * `performance.now()` stops during sleep on most systems, `Date.now()` does not.
 */
export class LeapWatch {
  private apartMs: number;

  constructor(localMs: number, wallMs: number) {
    this.apartMs = wallMs - localMs;
  }

  /** By how much the page's clock has fallen behind, told once for each leap; 0 for ordinary scatter. */
  leapMs(localMs: number, wallMs: number): number {
    const leapMs = wallMs - localMs - this.apartMs;
    this.apartMs += leapMs;
    return Math.abs(leapMs) > LEAP_MS ? leapMs : 0;
  }
}
