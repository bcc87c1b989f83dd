/** Volume and mute of this device, for both elements, remembered between visits. */

import type { Memory } from "../state/storage";
import type { Deck } from "./deck";

/** An element that answers with this has really taken it; the first value of all is 1. */
const TRIAL_VOLUME = 0.5;

export class Output {
  volume: number;
  muted = false;
  /** The system alone decides (iPhones): the element ignores what it is told. */
  readonly volumeFixed: boolean;

  constructor(
    private readonly decks: readonly Deck[],
    private readonly memory: Memory,
  ) {
    const kept = Number(memory.read("volume") ?? 1);
    this.volume = kept >= 0 && kept <= 1 ? kept : 1;
    this.volumeFixed = !decks.every((deck) => deck.setVolume(TRIAL_VOLUME, false));
    this.apply();
  }

  setVolume(volume: number): void {
    this.volume = Math.max(0, Math.min(1, volume));
    this.memory.write("volume", this.volume.toFixed(3));
    if (this.volume > 0) this.muted = false;
    this.apply();
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    this.apply();
  }

  private apply(): void {
    // Squared: half of the slider is heard as about half as loud.
    for (const deck of this.decks) deck.setVolume(this.volume ** 2, this.muted);
  }
}
