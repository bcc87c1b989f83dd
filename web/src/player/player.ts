/**
 * Plays a room: one audible deck in step with server time, a second one that already holds what comes next.
 *
 * `step` compares what should sound with what does and takes the next small action; everything that changes (the
 * room, a deck, a timer) only calls it again. Two audio elements straight to the output: what needs Web Audio
 * (crossfades, tighter sync) is not here, and locked phones keep playing.
 */

import type { Listening, ListenView } from "../state/model";
import { caughtUp, endsAtMs, shownPositionAt } from "../state/timeline";
import type { Memory } from "../state/storage";
import type { Playback, Queue, Track } from "../state/wire";
import { ElementDeck, standsAt, type Deck, type DeckEvents } from "./deck";
import { LearnedDelays } from "./learned";
import { listeningState } from "./listening";
import { Output } from "./output";
import type { SourceProblem } from "./source";
import { Starter } from "./starter";
import { Steering, type Measurement } from "./steering";
import { Trouble } from "./trouble";

export interface PlayerHost {
  serverNow(): number;
  /** This is the DJ's device: its rate is never touched. */
  leads(): boolean;
  /** A freshly signed playlist of the sounding track, or null. */
  renew(): Promise<string | null>;
  /** How far this device is from the room and will stay; `settled` soon after a start. */
  measured(errorMs: number, settled: boolean): void;
  /** Something that the views show has changed. */
  changed(): void;
}

/** The next track is fetched this long before it is needed; the DJ may skip at any moment and has it at once. */
const AHEAD_MS = 20_000;
const HANDOVER_MS = 3_000;
const SETTLED_AFTER_MS = 2_500;

/** So far away bending would take 2 s and more: the DJ has jumped, or has lost some sound. */
const JUMP_MS = 90;

/** Shorter silences are not worth a word. */
const STALL_SHOWN_MS = 400;

/** An end that comes this much earlier than the room says is the end: durations may be rounded. */
const END_MS = 120;

interface Side {
  readonly deck: Deck;
  readonly starter: Starter;
}

export class Player {
  private on = false;
  private room: { playback: Playback; queue: Queue } | null = null;
  private active: Side;
  private idle: Side;
  private readonly learned: LearnedDelays;
  /** Volume and mute. */
  readonly output: Output;
  private readonly steering: Steering;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly trouble = new Trouble();
  private blocked = false;
  private loadFromMs: number | null = null;
  private startedAtMs = 0;
  private dryFromMs: number | null = null;
  private renewed: { trackId: string; url: string } | null = null;

  constructor(
    private readonly host: PlayerHost,
    memory: Memory,
    private readonly newDeck: (events: DeckEvents) => Deck = (events) => new ElementDeck(events),
  ) {
    this.learned = new LearnedDelays(memory);
    this.active = this.side();
    this.idle = this.side();
    this.output = new Output([this.active.deck, this.idle.deck], memory);
    this.steering = new Steering({
      expectedMs: (deck) => this.expectedMs(deck),
      leads: () => host.leads(),
      restart: (deck) => this.restart(deck),
      measured: (_deck, errorMs, how) => this.measured(errorMs, how),
    });
  }

  /** The room's parts; call it whenever one of them changed. */
  follow(playback: Playback, queue: Queue): void {
    const moved = this.room !== null && this.room.playback !== playback;
    this.room = { playback, queue };
    if (moved) this.rejoin();
    this.step();
  }

  /** The DJ has moved: far away at once, a little by the ordinary way. */
  private rejoin(): void {
    const errorMs = this.rawErrorMs;
    if (errorMs !== null && Math.abs(errorMs) > JUMP_MS) this.restart(this.active.deck);
    else this.steering.lookNow();
  }

  /** Call it inside the tap. */
  listen(): void {
    this.active.deck.unlock();
    this.idle.deck.unlock();
    this.on = true;
    this.blocked = false;
    this.trouble.clear();
    this.dryFromMs = null;
    this.step();
    this.host.changed();
  }

  stop(): void {
    this.trouble.clear();
    this.halt();
  }

  private halt(): void {
    this.on = false;
    clearTimeout(this.timer);
    this.steering.stop();
    for (const { deck, starter } of [this.active, this.idle]) {
      starter.cancel();
      deck.clear();
    }
    this.host.changed();
  }

  destroy(): void {
    this.halt();
    for (const { deck } of [this.active, this.idle]) deck.close();
  }

  /** The page is shown again, or the clock was found wrong. */
  wake(): void {
    this.steering.lookNow();
    this.step();
  }

  /** The entry whose sound is in the air; null while nothing sounds here. */
  get soundingEntryId(): string | null {
    return this.active.deck.sounding ? this.active.deck.entryId : null;
  }

  /** The output's position; null while nothing sounds here. */
  get positionMs(): number | null {
    return this.active.deck.sounding ? this.active.deck.positionMs : null;
  }

  /** This moment's distance from the room; for reports and tests, the views show the steadier `errorMs`. */
  get rawErrorMs(): number | null {
    const expectedMs = this.active.deck.sounding ? this.expectedMs(this.active.deck) : null;
    return expectedMs === null ? null : this.active.deck.positionMs - expectedMs;
  }

  get errorMs(): number | null {
    return this.steering.errorMs;
  }

  get stalled(): boolean {
    return this.active.deck.stalled;
  }

  view(): ListenView {
    const { volume, muted, volumeFixed } = this.output;
    return { state: this.listening(), problem: this.trouble.current, volume, muted, volumeFixed };
  }

  private listening(): Listening {
    const playback = this.target()?.playback;
    const { deck } = this.active;
    return listeningState({
      on: this.on,
      blocked: this.blocked,
      roomPlays: playback === undefined ? null : playback.playing && playback.track !== null,
      trouble: this.trouble.kind,
      sounding: deck.sounding,
      ended: deck.ended,
      stalled: this.dryFromMs !== null,
    });
  }

  private side(): Side {
    const deck = this.newDeck({
      changed: (changed) => this.deckChanged(changed),
      problem: (troubled, kind) => void this.onProblem(troubled, kind),
      interrupted: () => this.stop(),
    });
    const starter = new Starter(deck, this.learned, {
      serverNow: () => this.host.serverNow(),
      started: (started) => this.onStarted(started),
      blocked: () => this.onBlocked(),
    });
    return { deck, starter };
  }

  private target(): { playback: Playback; queue: Queue } | null {
    return this.room === null ? null : caughtUp(this.room.playback, this.room.queue, this.host.serverNow());
  }

  private step(): void {
    clearTimeout(this.timer);
    const target = this.on && !this.blocked ? this.target() : null;
    if (target === null) return;
    const { playback, queue } = target;
    if (playback.track === null || playback.entry_id === null || !playback.playing) {
      this.hush(playback);
      return;
    }
    this.bringIn(playback, playback.track, playback.entry_id);
    this.prepareNext(playback, queue);
  }

  /** The room is silent: so are we, standing where it will go on. */
  private hush(playback: Playback): void {
    this.steering.stop();
    for (const { deck, starter } of [this.active, this.idle]) {
      starter.cancel();
      if (deck.started) deck.pause();
    }
    const { deck } = this.active;
    if (playback.track !== null && playback.entry_id !== null) {
      if (deck.entryId !== playback.entry_id) this.load(this.active, playback.entry_id, playback.track);
      else if (deck.ready && !standsAt(deck, playback.position_ms)) deck.seek(playback.position_ms);
    }
    this.host.changed();
  }

  private bringIn(playback: Playback, track: Track, entryId: string): void {
    if (this.idle.deck.entryId === entryId) this.swap();
    const { deck, starter } = this.active;
    if (deck.entryId !== entryId) {
      this.load(this.active, entryId, track);
      return;
    }
    if (deck.ended) this.comeBack(deck, playback);
    else if (!deck.started && !this.isOver(playback)) {
      this.noteLoad(deck);
      starter.bring(playback);
    }
  }

  /** The deck has played to its end; the DJ may have gone back. */
  private comeBack(deck: Deck, playback: Playback): void {
    const positionMs = shownPositionAt(playback, this.host.serverNow());
    if (positionMs > deck.durationMs - 2 * END_MS) return;
    deck.pause();
    deck.seek(positionMs);
  }

  private isOver(playback: Playback): boolean {
    const endMs = endsAtMs(playback);
    return endMs !== null && endMs - this.host.serverNow() < END_MS && this.active.deck.ready;
  }

  /** The other deck becomes the audible one. What sounded until now is at its end, or was cut by the DJ. */
  private swap(): void {
    const before = this.active;
    this.active = this.idle;
    this.idle = before;
    before.starter.cancel();
    const tailMs = before.deck.durationMs - before.deck.positionMs;
    if (before.deck.started && tailMs < 300) setTimeout(() => this.releaseIdle(before), tailMs + 100);
    else before.deck.clear();
    if (this.active.deck.started) this.onStarted(this.active.deck);
    this.host.changed();
  }

  private releaseIdle(side: Side): void {
    if (side !== this.idle || !side.deck.started) return;
    side.deck.clear();
    this.step();
  }

  private load(side: Side, entryId: string, track: Track): void {
    if (track.hls === null || this.trouble.hopelessEntry === entryId) return;
    if (this.host.serverNow() < this.trouble.retryAtMs) {
      this.lookAgain(this.trouble.retryAtMs);
      return;
    }
    this.steering.stop();
    side.starter.cancel();
    const url = this.renewed?.trackId === track.id ? this.renewed.url : track.hls;
    side.deck.load(entryId, url, () => this.firstPositionMs(entryId));
    this.host.changed();
  }

  /** Where the room will be when a load that begins now has data. */
  private firstPositionMs(entryId: string): number {
    const playback = this.target()?.playback;
    if (playback?.entry_id !== entryId) return 0;
    const nowMs = this.host.serverNow();
    this.loadFromMs = nowMs;
    return shownPositionAt(playback, nowMs + this.learned.ms("load"));
  }

  private noteLoad(deck: Deck): void {
    if (this.loadFromMs === null || !deck.ready) return;
    this.learned.observe("load", this.host.serverNow() - this.loadFromMs);
    this.loadFromMs = null;
  }

  private prepareNext(playback: Playback, queue: Queue): void {
    const endMs = endsAtMs(playback);
    const head = queue.entries[0];
    const nowMs = this.host.serverNow();
    // Past its end only the server knows what follows.
    if (endMs === null || endMs <= nowMs) return;
    const aheadMs = this.host.leads() ? Number.POSITIVE_INFINITY : AHEAD_MS;
    const settled = this.active.deck.sounding && nowMs - this.startedAtMs > SETTLED_AFTER_MS;
    const { deck } = this.idle;
    if (head !== undefined && settled && endMs - nowMs < aheadMs) this.preload(head.id, head.track);
    if (head !== undefined && deck.entryId === head.id && !deck.started && endMs - nowMs < HANDOVER_MS) {
      this.idle.starter.bring(caughtUp(playback, queue, endMs).playback);
    }
    if (!settled) this.lookAgain(Math.min(endMs, nowMs + SETTLED_AFTER_MS / 2));
    else if (endMs - nowMs > aheadMs) this.lookAgain(endMs - aheadMs);
    else this.lookAgain(endMs - nowMs > HANDOVER_MS ? endMs - HANDOVER_MS : endMs);
  }

  private preload(entryId: string, track: Track): void {
    const { deck } = this.idle;
    if (deck.entryId !== entryId && !deck.started && track.hls !== null) deck.load(entryId, track.hls, () => 0);
  }

  private lookAgain(atMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.step(), Math.max(5, Math.min(atMs - this.host.serverNow(), 60_000)));
  }

  private expectedMs(deck: Deck): number | null {
    const playback = this.target()?.playback;
    if (playback === undefined || playback.entry_id !== deck.entryId || !playback.playing) return null;
    return shownPositionAt(playback, this.host.serverNow());
  }

  private restart(deck: Deck): void {
    this.steering.stop();
    deck.pause();
    this.step();
  }

  private onStarted(deck: Deck): void {
    if (deck !== this.active.deck) return;
    this.steering.begin(deck);
    this.startedAtMs = this.host.serverNow();
  }

  private onBlocked(): void {
    this.blocked = true;
    this.steering.stop();
    this.host.changed();
  }

  private measured(errorMs: number, { first, stays, settled }: Measurement): void {
    if (first) this.active.starter.cameIn(errorMs);
    if (first) this.active.deck.settle();
    if (stays) this.host.measured(errorMs, settled);
    this.host.changed();
  }

  private deckChanged(deck: Deck): void {
    if (deck === this.active.deck) this.noteStall(deck);
    this.step();
    this.host.changed();
  }

  private noteStall(deck: Deck): void {
    if (deck.sounding) {
      this.dryFromMs = null;
      this.trouble.clear();
    } else if (deck.stalled && this.dryFromMs === null) {
      this.dryFromMs = this.host.serverNow();
      setTimeout(() => this.host.changed(), STALL_SHOWN_MS);
    }
  }

  private async onProblem(deck: Deck, kind: SourceProblem): Promise<void> {
    const entryId = deck.entryId;
    deck.clear();
    if (deck !== this.active.deck) return;
    if (kind === "network" || (kind === "expired" && !(await this.renew()))) this.trouble.later(this.host.serverNow());
    else if (kind !== "expired") this.trouble.hopeless(kind, entryId);
    if (kind === "player_load") this.halt();
    this.deckChanged(deck);
  }

  private async renew(): Promise<boolean> {
    const trackId = this.target()?.playback.track?.id;
    const url = this.trouble.mayRenew() ? await this.host.renew() : null;
    if (trackId === undefined || url === null) return false;
    this.renewed = { trackId, url };
    return true;
  }
}
