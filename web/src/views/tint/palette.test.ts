import { describe, expect, it } from "vitest";

import { contrast, css, fromSrgb, paletteOf, READABLE, type Oklch } from "./palette";

function parse(hex: string): Oklch {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
  return fromSrgb(red, green, blue);
}

describe("the palette of a room", () => {
  const hues = Array.from({ length: 24 }, (_, index) => index * 15);

  for (const scheme of ["dark", "light"] as const) {
    for (const chroma of [0, 0.05, 0.2]) {
      it(`can be read in the ${scheme} theme at chroma ${chroma}, whatever the hue`, () => {
        for (const hue of hues) {
          const palette = paletteOf(hue, chroma, scheme);
          const ground = parse(palette.ground);
          for (const text of [palette.accent, palette.ink, palette.dim]) {
            // A hundredth is lost in rounding to bytes.
            expect(contrast(parse(text), ground)).toBeGreaterThan(READABLE - 0.05);
            expect(contrast(parse(text), parse(palette.sheet))).toBeGreaterThan(READABLE - 0.05);
          }
        }
      });
    }
  }

  it("keeps a grey cover grey", () => {
    expect(parse(paletteOf(120, 0, "dark").accent).chroma).toBeLessThan(0.001);
  });

  it("brings a colour back from bytes as it was", () => {
    const colour = { lightness: 0.7, chroma: 0.1, hue: 40 };
    const back = parse(css(colour));
    expect(back.lightness).toBeCloseTo(0.7, 2);
    expect(back.chroma).toBeCloseTo(0.1, 2);
    expect(Math.abs(back.hue - 40)).toBeLessThan(1);
  });
});
