/** Tints the page with the colour of what plays. */

import { accentOfArtwork } from "./artwork";
import { accentOfImage } from "./extract";
import { paletteOf, type Oklch } from "./palette";

let accent: Oklch | null = null;
let watching = false;

function paint(): void {
  if (accent === null) return;
  const scheme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const palette = paletteOf(accent.hue, accent.chroma, scheme);
  const { style } = document.documentElement;
  for (const [name, colour] of Object.entries(palette)) style.setProperty(`--${name}`, colour as string);
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    meta.content = palette.ground;
  }
}

function tint(next: Oklch): void {
  accent = next;
  if (!watching) {
    watching = true;
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", paint);
  }
  paint();
}

/** A cover that has been loaded. */
export function tintByImage(image: HTMLImageElement): void {
  const found = accentOfImage(image);
  if (found !== null) tint(found);
}

/** A cover that was drawn for want of one. */
export function tintByArtwork(id: string): void {
  tint(accentOfArtwork(id));
}
