import { expect, it } from "vitest";

import { barsOf, pathOf, soughtBy } from "./wave";

it("draws as many bars as there is room for, from fewer or more peaks", () => {
  expect(barsOf([1, 2, 3], 10)).toHaveLength(10);
  expect(barsOf(Array.from({ length: 30_000 }, () => 9), 10)).toHaveLength(10);
});

it("fills the height with the loudest stretch, however quiet the music is", () => {
  const bars = barsOf([10, 10, 20, 20, 5, 5], 3);
  expect(bars[1]).toBeCloseTo(1);
  expect(bars[2]).toBeLessThan(bars[0] ?? 0);
});

it("keeps silence visible", () => {
  expect(Math.min(...barsOf([0, 0, 0, 0], 2))).toBeGreaterThan(0);
});

it("keeps the order of loud and quiet", () => {
  const bars = barsOf([0, 50, 100, 150, 200, 250], 6);
  expect([...bars].sort((a, b) => a - b)).toEqual(bars);
});

it("stands every bar on the ground line", () => {
  expect(pathOf([0.5, 1], 5, 3, 100)).toBe("M0 100V51.5a1.5 1.5 0 0 1 3 0V100ZM5 100V1.5a1.5 1.5 0 0 1 3 0V100Z");
});

it("moves by keys within the track and leaves other keys alone", () => {
  expect(soughtBy("ArrowRight", 10_000, 60_000)).toBe(15_000);
  expect(soughtBy("PageDown", 10_000, 60_000)).toBe(0);
  expect(soughtBy("PageUp", 50_000, 60_000)).toBe(60_000);
  expect(soughtBy("End", 0, 60_000)).toBe(59_000);
  expect(soughtBy("a", 0, 60_000)).toBeNull();
});
