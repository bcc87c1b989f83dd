/** The one colour of a cover. */

import { fromSrgb, type Oklch } from "./palette";

const SIDE = 40;
const BINS = 24;

/**
 * The hue that carries most colour among RGBA pixels, with the chroma it has there; chroma 0 for a grey cover.
 * Strong colours count more than large dull areas, near-black and near-white hardly at all.
 */
export function accentOf(pixels: Uint8ClampedArray): Oklch {
  const weights = new Float64Array(BINS);
  const colours: { colour: Oklch; weight: number; bin: number }[] = [];
  for (let at = 0; at + 3 < pixels.length; at += 4) {
    const colour = fromSrgb(pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0);
    const seen = Math.max(0, 1 - Math.abs(colour.lightness - 0.65) / 0.5);
    const weight = colour.chroma ** 1.5 * seen * ((pixels[at + 3] ?? 0) / 255);
    const bin = Math.floor((colour.hue / 360) * BINS) % BINS;
    weights[bin] = (weights[bin] ?? 0) + weight;
    colours.push({ colour, weight, bin });
  }
  const around = (bin: number) =>
    (weights[(bin + BINS - 1) % BINS] ?? 0) + 2 * (weights[bin] ?? 0) + (weights[(bin + 1) % BINS] ?? 0);
  let best = 0;
  for (let bin = 1; bin < BINS; bin += 1) if (around(bin) > around(best)) best = bin;
  return mean(colours.filter(({ bin }) => [0, 1, BINS - 1].includes((bin - best + BINS) % BINS)));
}

function mean(colours: readonly { colour: Oklch; weight: number }[]): Oklch {
  let [total, x, y, chroma, lightness] = [0, 0, 0, 0, 0];
  for (const { colour, weight } of colours) {
    const radians = (colour.hue * Math.PI) / 180;
    total += weight;
    x += weight * Math.cos(radians);
    y += weight * Math.sin(radians);
    chroma += weight * colour.chroma;
    lightness += weight * colour.lightness;
  }
  // Less than a faint tint over the whole picture: the cover is grey.
  if (total / (SIDE * SIDE) < 0.0004) return { lightness: 0.8, chroma: 0, hue: 0 };
  return {
    lightness: lightness / total,
    chroma: chroma / total,
    hue: ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360,
  };
}

/** The accent of a loaded image, or null when its pixels cannot be read. */
export function accentOfImage(image: HTMLImageElement): Oklch | null {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return null;
  try {
    context.drawImage(image, 0, 0, SIDE, SIDE);
    return accentOf(context.getImageData(0, 0, SIDE, SIDE).data);
  } catch {
    return null; // a picture from another origin
  }
}
