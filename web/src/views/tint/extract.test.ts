import { expect, it } from "vitest";

import { accentOf } from "./extract";

function picture(...parts: readonly (readonly [count: number, red: number, green: number, blue: number])[]) {
  return new Uint8ClampedArray(
    parts.flatMap(([count, red, green, blue]) => Array.from({ length: count }, () => [red, green, blue, 255]).flat()),
  );
}

it("finds the strong colour in a mostly black cover", () => {
  const { hue, chroma } = accentOf(picture([1400, 8, 8, 10], [200, 230, 60, 40]));
  expect(hue).toBeGreaterThan(15);
  expect(hue).toBeLessThan(45);
  expect(chroma).toBeGreaterThan(0.15);
});

it("takes the larger of two equally strong colours", () => {
  const { hue } = accentOf(picture([400, 230, 60, 40], [1200, 40, 90, 230]));
  expect(hue).toBeGreaterThan(240);
  expect(hue).toBeLessThan(280);
});

it("calls a grey cover grey", () => {
  expect(accentOf(picture([800, 40, 40, 40], [800, 200, 200, 200])).chroma).toBe(0);
});
