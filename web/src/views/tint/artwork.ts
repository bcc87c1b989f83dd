/** A cover for a track that has none: drawn from its id, so that it is the same everywhere and always. */

import { css, type Oklch } from "./palette";

/** A well mixed 32-bit number for a text (FNV-1a with a final avalanche). */
function seedOf(text: string): number {
  let hash = 2166136261;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 16777619);
  hash = Math.imul(hash ^ (hash >>> 16), 2246822507);
  hash = Math.imul(hash ^ (hash >>> 13), 3266489909);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The colour of a drawn cover. */
export function accentOfArtwork(id: string): Oklch {
  return { lightness: 0.75, chroma: 0.15, hue: seedOf(id) % 360 };
}

type Paint = (lightness: number, chroma: number, turn: number) => string;

function horizon(paint: Paint): string {
  const bars = Array.from({ length: 7 }, (_, row) => {
    const fill = paint(0.46 - 0.04 * row, 0.13, -30 - 6 * row);
    return `<rect y="${232 + row * 26}" width="400" height="${4 + row * 4}" fill="${fill}"/>`;
  });
  return `<circle cx="200" cy="216" r="112" fill="url(#b)"/>${bars.join("")}`;
}

function ripples(paint: Paint): string {
  const rings = Array.from({ length: 9 }, (_, ring) => {
    const fill = paint(0.34 + 0.06 * ring, 0.08 + 0.01 * ring, -60 + 12 * ring);
    return `<circle cx="${400 - ring * 10}" cy="${400 - ring * 14}" r="${420 - ring * 44}" fill="${fill}"/>`;
  });
  return rings.join("");
}

function moons(paint: Paint): string {
  const discs = [0, 1, 2, 3].map((disc) => {
    const fill = paint(0.9 - 0.14 * disc, 0.1 + 0.02 * disc, 50 - 30 * disc);
    return `<circle cx="${104 + disc * 64}" cy="200" r="${56 + disc * 14}" fill="${fill}" opacity=".78"/>`;
  });
  return discs.reverse().join("");
}

function dunes(paint: Paint): string {
  const hills = [0, 1, 2, 3, 4].map((hill) => {
    const top = 184 + hill * 48;
    const lean = hill % 2 === 0 ? 24 : -16;
    const fill = paint(0.62 - 0.09 * hill, 0.14 - 0.01 * hill, -hill * 14);
    return `<path d="M0 ${top + lean}C136 ${top - lean * 3} 256 ${top + lean * 2} 400 ${top - lean}V400H0Z" fill="${fill}"/>`;
  });
  return `<circle cx="288" cy="120" r="56" fill="url(#b)"/>${hills.join("")}`;
}

const motifs = [horizon, ripples, moons, dunes];

/** An SVG picture as a `data:` address. */
export function artworkOf(id: string): string {
  const seed = seedOf(id);
  const hue = seed % 360;
  const paint: Paint = (lightness, chroma, turn) => css({ lightness, chroma, hue: (hue + turn + 360) % 360 });
  const motif = motifs[(seed >>> 12) % motifs.length] ?? horizon;
  const stop = (offset: number, colour: string) => `<stop offset="${offset}" stop-color="${colour}"/>`;
  const fade = (name: string, stops: string) =>
    `<linearGradient id="${name}" x1="0" y1="0" x2="0" y2="1">${stops}</linearGradient>`;
  const sky = fade("a", stop(0, paint(0.3, 0.08, -70)) + stop(0.6, paint(0.58, 0.15, -10)) + stop(1, paint(0.82, 0.12, 40)));
  const disc = fade("b", stop(0, paint(0.94, 0.08, 50)) + stop(1, paint(0.74, 0.16, 0)));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"><defs>${sky}${disc}</defs><rect width="400" height="400" fill="url(#a)"/>${motif(paint)}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
