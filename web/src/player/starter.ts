/** Brings a loaded, silent deck in on the beat: seeks a little ahead, waits, presses play the learned delay early. */

import type { Playback } from "../state/wire";
import { aim } from "./aim";
import type { Deck } from "./deck";
import type { LearnedDelays } from "./learned";

export interface StarterHost {
  serverNow(): number;
  /** Play was pressed, so late or early that the deck should be `plannedErrorMs` ahead of the room. */
  started(deck: Deck, plannedErrorMs: number): void;
  blocked(deck: Deck): void;
}

export class Starter {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private goal = "";
  private seekFromMs: number | null = null;

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
    this.host.started(this.deck, this.deck.positionMs - movesMs);
    void this.deck.play().then((allowed) => {
      if (!allowed) this.host.blocked(this.deck);
    });
  }
}
