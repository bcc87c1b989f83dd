import { beforeEach, describe, expect, test, vi } from "vitest";
import { entry, playback, queue } from "../state/fixtures";
import type { Memory } from "../state/storage";
import { positionAt } from "../state/timeline";
import type { Playback, Queue } from "../state/wire";
import type { Deck, DeckEvents } from "./deck";
import { Player } from "./player";
import type { SourceProblem } from "./source";

const START_MS = 1_000_000;

/** A browser's audio element as the player meets it: loads, seeks and starts with delays, plays in real time. */
class FakeDeck implements Deck {
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

class Stage {
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

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** The longest that the page knew of an error that is heard, within the next `ms`. */
async function longestKnownMs(stage: Stage, ms: number): Promise<number> {
  let [longest, now] = [0, 0];
  for (let passed = 0; passed < ms; passed += 50) {
    await pass(50);
    now = Math.abs(stage.errorMs) >= 40 ? now + 50 : 0;
    longest = Math.max(longest, now);
  }
  return longest;
}

describe("a listener", () => {
  let stage: Stage;

  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS + 10_000 });
    FakeDeck.loadMs = 200;
    FakeDeck.startMs = 60;
    stage = new Stage();
    stage.follow(playback());
    return () => vi.useRealTimers();
  });

  test("loads nothing before the tap", () => {
    expect(stage.decks.flatMap((deck) => deck.loaded)).toEqual([]);
    expect(stage.player.view().state).toBe("off");
  });

  test("hears the room within half a second of the tap, and near the beat", async () => {
    stage.player.listen();
    expect(stage.player.view().state).toBe("starting");
    await pass(500);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("is in step after a few seconds, also where a start takes much longer than thought", async () => {
    FakeDeck.startMs = 170;
    stage.player.listen();
    await pass(5_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(new Set(stage.rates).size).toBeLessThanOrEqual(2);
  });

  test("starts on the beat the second time, because it has learned", async () => {
    FakeDeck.startMs = 170;
    stage.player.listen();
    await pass(5_000);
    stage.player.stop();
    stage.player.listen();
    await pass(800);
    expect(Math.abs(stage.errorMs)).toBeLessThan(15);
  });

  test("follows a pause at once and stands where the room stands", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, playing: false, position_ms: 40_000 }));
    expect(stage.sounding).toBeUndefined();
    expect(stage.player.view().state).toBe("waiting");
    await pass(100);
    expect(stage.decks.some((deck) => deck.positionMs === 40_000)).toBe(true);
  });

  test("goes on in step after a pause, though its browser has prepared more than it says", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, playing: false, position_ms: stage.player.positionMs ?? 0 }));
    await pass(2_000);
    stage.follow(playback({ rev: 3, position_ms: stage.now.position_ms, anchor_ms: Date.now() + 250 }));
    await pass(700);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(15);
  });

  test("is in step within three seconds of a start that missed by 70 ms, without another gap", async () => {
    stage.player.listen();
    await pass(3_000);
    FakeDeck.startMs = 130;
    stage.follow(playback({ rev: 2, position_ms: 45_000, anchor_ms: Date.now() + 250 }));
    await pass(500);
    expect(Math.abs(stage.errorMs)).toBeGreaterThan(50);
    const before = stage.sounding;
    await pass(2_250);
    expect(Math.abs(stage.errorMs)).toBeLessThan(20);
    expect(stage.sounding).toBe(before);
  });

  test("follows a seek within half a second", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, position_ms: 45_000, anchor_ms: Date.now() }));
    await pass(500);
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("bends towards a small re-anchor of the DJ instead of jumping", async () => {
    stage.player.listen();
    await pass(5_000);
    const before = stage.rates.length;
    stage.follow({ ...stage.now, rev: 2, anchor_ms: stage.now.anchor_ms + 60 });
    await pass(4_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(stage.rates.length).toBeGreaterThan(before);
  });

  test("holds the next track before this one ends, and changes over on the beat", async () => {
    const next = entry("11", 30_000);
    stage.follow(playback(), queue([next]));
    stage.player.listen();
    await pass(29_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
    await pass(20_900);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(2);
    expect(stage.player.soundingEntryId).toBe("10");
    await pass(200);
    expect(stage.player.soundingEntryId).toBe("11");
    const positionMs = stage.player.positionMs ?? Number.NaN;
    expect(Math.abs(positionMs - (Date.now() - (START_MS + 60_000)))).toBeLessThan(10);
  });

  test("makes up for sound that a busy machine swallowed, within five seconds", async () => {
    stage.player.listen();
    await pass(8_000);
    stage.sounding?.swallow(90);
    expect(stage.errorMs).toBeLessThan(-80);
    await pass(5_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test("does not follow its own clock while that finds itself after a dropout", async () => {
    stage.player.listen();
    await pass(8_000);
    const { sounding } = stage;
    const fromMs = Date.now();
    if (sounding !== undefined) sounding.lie = () => -0.03 * Math.max(0, 4_000 - (Date.now() - fromMs));
    const before = stage.rates.length;
    await pass(4_500);
    expect(stage.rates.length).toBe(before);
    if (sounding !== undefined) sounding.lie = null;
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test.each([-300, -131, -85, -60, 60, 85, 131])("does not go on %i ms off for long, knowing of it", async (lostMs) => {
    stage.player.listen();
    await pass(8_000);
    stage.sounding?.swallow(-lostMs);
    expect(await longestKnownMs(stage, 15_000)).toBeLessThan(3_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test("nor where bending is refused", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.stiff = true;
    stage.sounding?.swallow(80);
    expect(await longestKnownMs(stage, 30_000)).toBeLessThan(4_500);
  });

  test("waits once for a clock that goes on wandering, not before every correction", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.lie = () => -0.035 * (Date.now() % 2_400);
    await pass(6_000);
    const before = stage.rates.length + stage.plays;
    await pass(7_000);
    expect(stage.rates.length + stage.plays - before).toBeGreaterThanOrEqual(2);
  });

  test("is not started again for ever because its clock wanders", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.lie = () => (Math.floor(Date.now() / 2_000) % 2) * 400;
    const before = stage.plays;
    await pass(120_000);
    expect(stage.plays - before).toBeLessThanOrEqual(15);
  });

  test("learns a start that takes very long, instead of starting again for ever", async () => {
    FakeDeck.startMs = 350;
    stage.player.listen();
    await pass(8_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(stage.plays).toBeLessThanOrEqual(4);
  });

  test("does not follow its own clock either when it has just started", async () => {
    stage.player.listen();
    await pass(8_000);
    stage.follow(playback({ rev: 2, position_ms: 20_000, anchor_ms: Date.now() + 250 }));
    await pass(350);
    const fromMs = Date.now();
    for (const deck of stage.decks) deck.lie = () => -20 - 0.03 * (Date.now() - fromMs);
    const before = stage.rates.length;
    await pass(4_000);
    expect(stage.rates.length).toBe(before);
    for (const deck of stage.decks) deck.lie = null;
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test("rejoins the room where it is after the network was away", async () => {
    stage.player.listen();
    await pass(5_000);
    stage.sounding?.starve();
    await pass(3_000);
    expect(stage.player.view().state).toBe("stalled");
    stage.decks.find((deck) => deck.stalled)?.feed();
    await pass(2_500);
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("tries again by itself when the line fails, and says so meanwhile", async () => {
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("network");
    await pass(0);
    expect(stage.player.view()).toMatchObject({ state: "stalled", problem: { code: "audio_network" } });
    await pass(2_000);
    expect(stage.player.view()).toMatchObject({ state: "on", problem: null });
  });

  test("asks for a fresh signature when the old one has expired", async () => {
    stage.freshUrl = "/audio/fresh.m3u8";
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("expired");
    await pass(1_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toContain("/audio/fresh.m3u8");
    expect(stage.player.view().state).toBe("on");
  });

  test("gives up on a track that cannot be played, until another one plays", async () => {
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("unplayable");
    await pass(20_000);
    expect(stage.player.view()).toMatchObject({ state: "failed", problem: { code: "audio_unplayable" } });
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
    const { track } = entry("12", 60_000);
    stage.follow(playback({ rev: 3, entry_id: "12", track, anchor_ms: Date.now() }));
    await pass(1_000);
    expect(stage.player.view()).toMatchObject({ state: "on", problem: null });
  });

  test("goes on from the start when the DJ goes back after the end", async () => {
    stage.follow(playback({ device: null }));
    stage.player.listen();
    await pass(52_000);
    expect(stage.player.view().state).toBe("waiting");
    stage.follow(playback({ rev: 2, anchor_ms: Date.now() }));
    await pass(1_000);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("stops loading and sounding when it stops listening", async () => {
    stage.player.listen();
    await pass(2_000);
    stage.player.stop();
    expect(stage.decks.every((deck) => deck.entryId === null && !deck.started)).toBe(true);
    await pass(60_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
  });
});

describe("the DJ's device", () => {
  let stage: Stage;

  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS + 10_000 });
    FakeDeck.loadMs = 200;
    FakeDeck.startMs = 170;
    stage = new Stage();
    stage.leads = true;
    stage.follow(playback(), queue([entry("11", 30_000)]));
    return () => vi.useRealTimers();
  });

  test("is never bent, and still starts near the beat", async () => {
    stage.player.listen();
    await pass(6_000);
    expect(stage.rates).toEqual([]);
    expect(Math.abs(stage.errorMs)).toBeLessThan(21);
  });

  test("tells where it has settled after a start, so that the room can be moved there", async () => {
    FakeDeck.startMs = 110;
    stage.player.listen();
    await pass(1_500);
    expect(stage.settled).toHaveLength(1);
    expect(stage.settled[0]).toBeCloseTo(stage.errorMs, 0);
  });

  test("has the next track at hand for a skip at any moment", async () => {
    stage.player.listen();
    await pass(6_000);
    expect(stage.decks.map((deck) => deck.entryId).sort()).toEqual(["10", "11"]);
    const { track } = entry("11", 30_000);
    stage.follow(playback({ rev: 2, entry_id: "11", track, anchor_ms: Date.now() }), queue());
    await pass(300);
    expect(stage.player.soundingEntryId).toBe("11");
  });
});
