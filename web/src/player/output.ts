/** Volume and mute of this device, for both elements, remembered between visits. */

import type { Memory } from "../state/storage";

export class Output {
  volume: number;
  muted = false;
  /** The system alone decides (iPhones): the element ignores what it is told. */
  readonly volumeFixed: boolean;

  constructor(
    private readonly elements: readonly HTMLAudioElement[],
    private readonly memory: Memory,
  ) {
    const kept = Number(memory.read("volume") ?? 1);
    this.volume = kept >= 0 && kept <= 1 ? kept : 1;
    this.volumeFixed = !takesVolume(elements);
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
    for (const element of this.elements) {
      // Squared: half of the slider is heard as about half as loud.
      element.volume = this.volume ** 2;
      element.muted = this.muted;
    }
  }
}

function takesVolume(elements: readonly HTMLAudioElement[]): boolean {
  const element = elements[0];
  if (element === undefined) return false;
  element.volume = 0.5;
  return element.volume === 0.5;
}
