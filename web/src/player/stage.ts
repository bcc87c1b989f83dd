import { vi } from "vitest";
import { playback, queue } from "../state/fixtures";
import type { Memory } from "../state/storage";
import { positionAt } from "../state/timeline";
import type { Playback, Queue } from "../state/wire";
import type { Deck, DeckEvents } from "./deck";
import { Player } from "./player";
import type { SourceProblem } from "./source";

/** When the room began to play, on the server's clock. */
export const START_MS = 1_000_000;

/** A browser's audio element as the player meets it: loads, seeks and starts with delays, plays in real time. */
export class FakeDeck implements Deck {
  static loadMs = 200;
  static startMs = 60;
  /** What a browser has prepared when it is paused, and plays first if it is not sought before it goes on. */
  static preparedMs = 100;
  entryId: string | null = null;
  started = false;
  stalled = false;
  exact = false;
  durationMs = Number.NaN;
  readonly rates: number[] = [];
  readonly loaded: string[] = [];
  plays = 0;
  /** Its browser takes another rate and plays on as before. */
  stiff = false;
  private hasData = false;
  private seeking = false;
  private rate = 1;
  private baseMs = 0;
  private movesFromMs = Number.POSITIVE_INFINITY;
  private generation = 0;

  constructor(
    private readonly events: DeckEvents,
    private readonly durationOf: (entryId: string) => number,
  ) {}

  get ready(): boolean {
    return this.hasData && !this.seeking;
  }
  get sounding(): boolean {
    return this.started && this.hasData && !this.ended && !this.stalled;
  }
  get ended(): boolean {
    return this.started && this.hasData && this.positionMs >= this.durationMs;
  }
  /** What its clock says beyond where the sound is. */
  lie: (() => number) | null = null;

  get positionMs(): number {
    return this.heardMs + (this.lie?.() ?? 0);
  }
  get heardMs(): number {
    const playedMs = Math.max(0, Date.now() - this.movesFromMs) * this.rate;
    return Math.min(this.baseMs + (Number.isFinite(playedMs) ? playedMs : 0), this.durationMs || 0);
  }

  unlock(): void {}
  load(entryId: string, url: string, startMs: () => number): void {
    this.clear();
    this.entryId = entryId;
    this.exact = true;
    this.loaded.push(url);
    this.baseMs = startMs();
    this.durationMs = this.durationOf(entryId);
    this.later(FakeDeck.loadMs, () => (this.hasData = true));
  }
  clear(): void {
    this.pause();
    this.generation += 1;
    this.entryId = null;
    this.hasData = this.seeking = false;
    this.baseMs = 0;
  }
  holds(): boolean {
    return true;
  }
  play(): Promise<boolean> {
    this.started = true;
    this.plays += 1;
    if (!this.exact) this.baseMs += FakeDeck.preparedMs;
    this.exact = false;
    this.movesFromMs = Date.now() + FakeDeck.startMs;
    const leftMs = this.durationMs - this.baseMs + FakeDeck.startMs;
    this.later(FakeDeck.startMs, () => undefined);
    this.later(leftMs + 100, () => undefined);
    return Promise.resolve(true);
  }
  pause(): void {
    this.rebase();
    this.started = false;
    this.stalled = false;
    this.movesFromMs = Number.POSITIVE_INFINITY;
    this.rate = 1;
  }
  seek(positionMs: number): void {
    this.baseMs = positionMs;
    this.exact = true;
    this.seeking = true;
    this.later(30, () => (this.seeking = false));
  }
  setRate(rate: number): void {
    this.rebase();
    this.rate = this.stiff ? 1 : rate;
    if (rate !== 1) this.rates.push(rate);
  }
  setVolume(): boolean {
    return true;
  }
  settle(): void {}
  close(): void {
    this.clear();
  }

  fail(kind: SourceProblem): void {
    this.events.problem(this, kind);
  }
  swallow(ms: number): void {
    this.rebase();
    this.baseMs -= ms;
  }
  starve(): void {
    this.rebase();
    this.movesFromMs = Number.POSITIVE_INFINITY;
    this.stalled = true;
    this.events.changed(this);
  }
  feed(): void {
    this.stalled = false;
    this.movesFromMs = Date.now();
    this.events.changed(this);
  }

  private rebase(): void {
    const positionMs = this.heardMs;
    if (!Number.isFinite(this.movesFromMs)) return;
    this.baseMs = Number.isNaN(positionMs) ? 0 : positionMs;
    this.movesFromMs = Math.max(Date.now(), this.movesFromMs);
  }
  private later(ms: number, act: () => void): void {
    const generation = this.generation;
    setTimeout(() => {
      if (generation !== this.generation) return;
      act();
      this.events.changed(this);
    }, ms);
  }
}

/** A player, its decks, and the room that it follows. */
export class Stage {
  readonly decks: FakeDeck[] = [];
  readonly player: Player;
  leads = false;
  renewals = 0;
  freshUrl: string | null = null;
  readonly settled: number[] = [];
  now: Playback = playback();
  queue: Queue = queue();

  constructor() {
    const kept = new Map<string, string>();
    const memory: Memory = {
      read: (key) => kept.get(key) ?? null,
      write: (key, value) => void (value === null ? kept.delete(key) : kept.set(key, value)),
    };
    const host = {
      serverNow: () => Date.now(),
      leads: () => this.leads,
      renew: () => Promise.resolve(((this.renewals += 1), this.freshUrl)),
      measured: (errorMs: number, settled: boolean) => void (settled && this.settled.push(errorMs)),
      changed: () => undefined,
    };
    this.player = new Player(host, memory, (events) => {
      const deck = new FakeDeck(events, (entryId) => this.durationOf(entryId));
      this.decks.push(deck);
      return deck;
    });
  }

  follow(now: Playback, next: Queue = this.queue): void {
    this.now = now;
    this.queue = next;
    this.player.follow(now, next);
  }

  get errorMs(): number {
    const { positionMs } = this.player;
    return positionMs === null ? Number.NaN : positionMs - positionAt(this.now, Date.now());
  }

  get rates(): number[] {
    return this.decks.flatMap((deck) => deck.rates);
  }

  get plays(): number {
    return this.decks.reduce((sum, deck) => sum + deck.plays, 0);
  }

  get sounding(): FakeDeck | undefined {
    return this.decks.find((deck) => deck.sounding);
  }

  private durationOf(entryId: string): number {
    const entries = [...this.queue.entries, { id: this.now.entry_id, track: this.now.track }];
    return entries.find(({ id }) => id === entryId)?.track?.duration_ms ?? 60_000;
  }
}

export const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
