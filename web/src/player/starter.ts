/** Brings a loaded, silent deck in on the beat: seeks a little ahead, waits, presses play the learned delay early. */

import type { Playback } from "../state/wire";
import { aim } from "./aim";
import type { Deck } from "./deck";
import type { LearnedDelays } from "./learned";

export interface StarterHost {
  serverNow(): number;
  /** Play was pressed. */
  started(deck: Deck): void;
  blocked(deck: Deck): void;
}

/** One start teaches no more than this: it may have lost sound, and a slow one is learned with the next. */
const TAUGHT_MS = 150;

export class Starter {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private goal = "";
  private seekFromMs: number | null = null;
  /** Play was pressed so early or late that the deck should be so far ahead of the room. */
  private plannedErrorMs = 0;

  constructor(
    private readonly deck: Deck,
    private readonly learned: LearnedDelays,
    private readonly host: StarterHost,
  ) {}

  /** Works towards `playback` sounding in time; call it again whenever the deck changed. */
  bring(playback: Playback): void {
    const goal = `${playback.entry_id} ${playback.anchor_ms} ${playback.position_ms}`;
    if (this.timer !== undefined && this.goal === goal) return;
    this.cancel();
    this.goal = goal;
    if (!this.deck.ready) return;
    const nowMs = this.host.serverNow();
    this.noteSeek(nowMs);
    const next = aim(playback, nowMs, {
      standsMs: this.deck.positionMs,
      exact: this.deck.exact,
      startDelayMs: this.learned.ms("start"),
      seekDelayMs: this.learned.ms("seek"),
    });
    if (next.kind === "play") {
      this.timer = setTimeout(() => this.play(playback), next.inMs);
    } else {
      // A seek over the network says nothing about the player's own delay.
      this.seekFromMs = this.deck.holds(next.toMs) ? nowMs : null;
      this.deck.seek(next.toMs);
    }
  }

  /** It was `errorMs` ahead of the room: behind the plan means that pressing play took longer than was thought. */
  cameIn(errorMs: number): void {
    const missedMs = Math.max(-TAUGHT_MS, Math.min(errorMs - this.plannedErrorMs, TAUGHT_MS));
    this.learned.observe("start", this.learned.ms("start") - missedMs);
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private noteSeek(nowMs: number): void {
    if (this.seekFromMs !== null) this.learned.observe("seek", nowMs - this.seekFromMs);
    this.seekFromMs = null;
  }

  private play(playback: Playback): void {
    this.timer = undefined;
    const soundsAtMs = this.host.serverNow() + this.learned.ms("start");
    const movesMs = playback.position_ms + (soundsAtMs - playback.anchor_ms) * playback.rate;
    this.plannedErrorMs = this.deck.positionMs - movesMs;
    this.host.started(this.deck);
    void this.deck.play().then((allowed) => {
      if (!allowed) this.host.blocked(this.deck);
    });
  }
}
