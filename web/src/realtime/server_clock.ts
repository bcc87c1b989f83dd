/** Keeps server time: asks a few times at once when told to, then now and again. */

import { ClockFilter, LeapWatch, localNow, type Exchange } from "./clock";

/** The server takes at most ten at a join; six find a quiet moment and leave room for a rejoin. */
const BURST = 6;
const BURST_EVERY_MS = 70;
const EVERY_MS = 15_000;

/** Six may all have met a busy moment: until this is known better, a few more soon. */
const UNSURE_MS = 3;
const SOON_MS = 600;
const SOON_TIMES = 4;

/** The reply to `clock {t1}`. */
export type AskClock = (t1: number) => Promise<Omit<Exchange, "t4"> | null>;

export class ServerClock {
  private readonly filter = new ClockFilter();
  private readonly leaps = new LeapWatch(localNow(), Date.now());
  private timer: ReturnType<typeof setTimeout> | undefined;
  private left = 0;
  private soon = 0;

  /** `onSample` is called after each answer. */
  constructor(
    private readonly ask: AskClock,
    private readonly onSample: () => void,
  ) {}

  /** Server time in Unix ms; the machine's own clock before the first answer. */
  now(): number {
    return localNow() + (this.filter.offsetMs(localNow()) ?? Date.now() - localNow());
  }

  get known(): boolean {
    return this.filter.size > 0;
  }

  get doubtMs(): number | null {
    return this.filter.doubtMs(localNow());
  }

  get rttMs(): number | null {
    return this.filter.rttMs();
  }

  /** Measures anew: after a join, and when the page wakes up. */
  burst(): void {
    this.left = BURST;
    this.soon = SOON_TIMES;
    this.schedule(0);
  }

  /** After a pause of the page: forgets what a leap of the clock has made wrong. True if there was one. */
  checkLeap(): boolean {
    const leapMs = this.leaps.leapMs(localNow(), Date.now());
    if (leapMs === 0) return false;
    this.restart(leapMs);
    return true;
  }

  /** Measures anew; what was known is believed only until the first answer. */
  restart(leapMs = 0): void {
    this.filter.reset(localNow(), leapMs);
    this.burst();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private schedule(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sample(), afterMs);
  }

  private waitMs(): number {
    if (this.left > 0) return BURST_EVERY_MS;
    if ((this.doubtMs ?? Number.POSITIVE_INFINITY) <= UNSURE_MS || this.soon === 0) return EVERY_MS;
    this.soon -= 1;
    return SOON_MS;
  }

  private async sample(): Promise<void> {
    this.checkLeap();
    this.left = Math.max(0, this.left - 1);
    this.schedule(this.waitMs());
    const answer = await this.ask(localNow());
    if (answer === null) return;
    this.filter.add({ ...answer, t4: localNow() });
    this.onSample();
  }
}
