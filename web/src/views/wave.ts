/** From the peaks of a track to the bars of its waveform: pure arithmetic. */

/** The shortest bar, as a part of the full height: silence stays visible. */
const FLOOR = 0.03;

/**
 * `count` bar heights 0 … 1 for peaks of 0 … 255. A bar is between the mean and the maximum of its stretch: the
 * mean alone looks flat, the maximum alone is a wall. The loudest bar is 1, so that quiet music fills the stage too.
 */
export function barsOf(peaks: readonly number[], count: number): number[] {
  const bars = Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / count));
    let [sum, highest] = [0, 0];
    for (let at = from; at < to; at += 1) {
      const peak = peaks[at] ?? 0;
      sum += peak;
      highest = Math.max(highest, peak);
    }
    return 0.65 * (sum / (to - from)) + 0.35 * highest;
  });
  const loudest = Math.max(...bars, 1);
  // The power spreads dense, loud masters, whose bars would all be nearly equal.
  return bars.map((bar) => FLOOR + (1 - FLOOR) * (bar / loudest) ** 1.5);
}

/** A line of dots, for a waveform that is not known yet. */
export function flatBars(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** An SVG path of bars that stand on the ground line, with round heads. */
export function pathOf(bars: readonly number[], pitch: number, thickness: number, height: number): string {
  const radius = thickness / 2;
  return bars
    .map((bar, at) => {
      const x = at * pitch;
      const top = Math.max(0, height - Math.max(thickness, bar * height)) + radius;
      return `M${x} ${height}V${top.toFixed(1)}a${radius} ${radius} 0 0 1 ${thickness} 0V${height}Z`;
    })
    .join("");
}

/** Where a key takes the seek slider, in ms; null for keys that do not. */
export function soughtBy(key: string, positionMs: number, durationMs: number): number | null {
  const steps: Record<string, number> = {
    ArrowRight: 5_000, ArrowUp: 5_000, ArrowLeft: -5_000, ArrowDown: -5_000, PageUp: 30_000, PageDown: -30_000,
  };
  if (key === "Home") return 0;
  if (key === "End") return Math.max(0, durationMs - 1_000);
  const step = steps[key];
  return step === undefined ? null : Math.min(durationMs, Math.max(0, positionMs + step));
}
