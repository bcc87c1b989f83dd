/** Measures how far a sounding deck is from the room, and keeps it near: in bursts, or by asking for a new start. */

import {
  CAREFUL,
  correctionFor,
  FAR_MS,
  GLANCE_EVERY_MS,
  GLANCES,
  isSteady,
  median,
  PATIENT,
  QUICK,
  REST_MS,
} from "./correction";
import type { Deck } from "./deck";

export interface SteeringHost {
  /** Where the room is now, in ms, or null when this deck has nothing to do with it. */
  expectedMs(deck: Deck): number | null;
  leads(): boolean;
  /** The deck has to be started anew. */
  restart(deck: Deck): void;
  measured(deck: Deck, errorMs: number, how: Measurement): void;
}

export interface Measurement {
  /** The first after a start: it tells what the start delay really was. */
  readonly first: boolean;
  /** Nothing will be done about it. */
  readonly stays: boolean;
  /** It stays, soon after a start. */
  readonly settled: boolean;
}

/** Right after the start readings are those of a device warming up, and before it moves they are none. */
const WARM_UP_MS = 150;
const MOVES_BY_MS = 40;
const NOT_YET_MS = 30;

/** Measurements after a start that still count as settling. */
const SETTLING = 2;

/** So often in such a time a start is repeated to get nearer: a clock may be wrong again after every one. */
const SEEKS = 3;
const SEEK_FORGOTTEN_MS = 30_000;

/** A clock that wanders is read again after this; from about 5 s on it is taken at its word until it is steady. */
const WANDERING_MS = 100;
const WANDERINGS = 5;

export class Steering {
  /** The last measurement; null while nothing sounds. Positive: ahead of the room. */
  errorMs: number | null = null;
  private deck: Deck | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readings: number[] = [];
  private measurements = 0;
  private seeks = 0;
  /** The error that the last burst was for; 0 when nothing was bent since. */
  private bentForMs = 0;
  private glances = 0;
  private wanderings = 0;
  private stoodMs = 0;

  constructor(private readonly host: SteeringHost) {}

  /** The deck has just started. */
  begin(deck: Deck): void {
    this.stop();
    this.deck = deck;
    this.measurements = 0;
    this.bentForMs = 0;
    this.wanderings = 0;
    this.stoodMs = deck.positionMs;
    this.again(WARM_UP_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.deck?.setRate(1);
    this.deck = null;
    this.readings = [];
    this.errorMs = null;
  }

  /** The room has moved or the page was asleep: look at once. */
  lookNow(): void {
    if (this.deck === null) return;
    this.deck.setRate(1);
    this.again(0);
  }

  private again(afterMs: number): void {
    clearTimeout(this.timer);
    this.readings = [];
    this.timer = setTimeout(() => this.read(), afterMs);
  }

  private read(): void {
    const deck = this.deck;
    if (deck === null) return;
    const expectedMs = this.host.expectedMs(deck);
    if (expectedMs === null || !deck.sounding) {
      this.again(REST_MS);
      return;
    }
    if (this.measurements === 0 && deck.positionMs < this.stoodMs + MOVES_BY_MS) {
      this.again(NOT_YET_MS);
      return;
    }
    const first = this.measurements === 0 ? QUICK : CAREFUL;
    const look = this.wanderings === 0 ? first : PATIENT;
    this.readings.push(deck.positionMs - expectedMs);
    if (this.readings.length < look.readings) {
      this.timer = setTimeout(() => this.read(), look.everyMs);
      return;
    }
    if (isSteady(this.readings, look)) this.wanderings = 0;
    else if (this.wanderings < WANDERINGS) {
      this.wanderings += 1;
      this.again(WANDERING_MS);
      return;
    }
    this.judge(deck, median(this.readings));
  }

  private judge(deck: Deck, errorMs: number): void {
    this.errorMs = errorMs;
    const settling = this.measurements < SETTLING;
    const [leads, maySeek] = [this.host.leads(), this.seeks < SEEKS];
    const correction = correctionFor(errorMs, { settling, leads, maySeek, bent: this.bentForMs * errorMs > 0 });
    const stays = correction.kind === "none";
    this.host.measured(deck, errorMs, { first: this.measurements === 0, stays, settled: stays && settling });
    this.measurements += 1;
    this.bentForMs = correction.kind === "nudge" ? errorMs : 0;
    if (correction.kind === "seek") this.seek(deck);
    else if (correction.kind === "nudge") this.burst(deck, correction.rate, correction.forMs);
    else if (this.measurements <= SETTLING || Math.abs(errorMs) > FAR_MS) this.again(REST_MS);
    else this.rest();
  }

  private seek(deck: Deck): void {
    this.seeks += 1;
    setTimeout(() => (this.seeks -= 1), SEEK_FORGOTTEN_MS);
    this.host.restart(deck);
  }

  /** In step: single glances, until one shows a hiccup or it is time to measure again. */
  private rest(): void {
    this.glances = 0;
    this.timer = setTimeout(() => this.glance(), GLANCE_EVERY_MS);
  }

  private glance(): void {
    const expectedMs = this.deck === null ? null : this.host.expectedMs(this.deck);
    const hiccup = this.deck !== null && expectedMs !== null && Math.abs(this.deck.positionMs - expectedMs) > FAR_MS;
    this.glances += 1;
    if (hiccup || this.glances >= GLANCES) this.again(0);
    else this.timer = setTimeout(() => this.glance(), GLANCE_EVERY_MS);
  }

  private burst(deck: Deck, rate: number, forMs: number): void {
    deck.setRate(rate);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      deck.setRate(1);
      this.again(REST_MS);
    }, forMs);
  }
}
