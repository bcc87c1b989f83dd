/**
 * How long this browser takes for things: from `play()` to sound, for a seek, for a load. Kept between visits, so
 * that the first start is already in time.
 */

import type { Memory } from "../state/storage";

export type Delay = "start" | "seek" | "load";

/** First guesses in ms (Chromium 156 without an audio device took 80-91 to start); and what is still believable. */
const GUESSES: Record<Delay, { guessMs: number; mostMs: number }> = {
  start: { guessMs: 80, mostMs: 400 },
  seek: { guessMs: 40, mostMs: 1_000 },
  load: { guessMs: 250, mostMs: 4_000 },
};

/** The first observation replaces a guess; later ones count a third, so that one hiccup does little. */
const SLOWEST_LEARNING = 3;

export class LearnedDelays {
  private readonly delays: Record<Delay, { ms: number; seen: number }>;

  constructor(private readonly memory: Memory) {
    this.delays = { start: this.read("start"), seek: this.read("seek"), load: this.read("load") };
  }

  ms(delay: Delay): number {
    return this.delays[delay].ms;
  }

  /** Takes in one observation; nonsense is cut to what is believable. */
  observe(delay: Delay, observedMs: number): void {
    if (!Number.isFinite(observedMs)) return;
    const cut = Math.max(0, Math.min(observedMs, GUESSES[delay].mostMs));
    const known = this.delays[delay];
    known.seen = Math.min(known.seen + 1, SLOWEST_LEARNING);
    known.ms += (cut - known.ms) / known.seen;
    this.memory.write(`delay.${delay}`, known.ms.toFixed(1));
  }

  private read(delay: Delay): { ms: number; seen: number } {
    const { guessMs, mostMs } = GUESSES[delay];
    const kept = Number(this.memory.read(`delay.${delay}`) ?? Number.NaN);
    const believable = kept >= 0 && kept <= mostMs;
    return believable ? { ms: kept, seen: SLOWEST_LEARNING - 1 } : { ms: guessMs, seen: 0 };
  }
}
