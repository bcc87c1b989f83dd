/** The waveform of the sounding track: asked for until the server knows it. */

import type { Library } from "../../state/model";

const AGAIN_MS = 2_000;

/** Call it while a component is set up; `trackId` may be reactive. */
export class Peaks {
  current = $state.raw<readonly number[] | null>(null);

  constructor(library: Library, trackId: () => string | null) {
    $effect(() => {
      const id = trackId();
      this.current = null;
      if (id === null) return;
      let [wanted, timer] = [true, 0];
      const ask = async () => {
        const peaks = await library.peaks(id).catch(() => null);
        if (!wanted) return;
        if (peaks === null) timer = window.setTimeout(() => void ask(), AGAIN_MS);
        else this.current = peaks;
      };
      void ask();
      return () => {
        wanted = false;
        clearTimeout(timer);
      };
    });
  }
}
