import { expect, it } from "vitest";

import { beforeOf, moved, placeOver, shiftOf } from "./reorder";

const ids = ["a", "b", "c", "d"];

it("moves down and up", () => {
  expect(moved(ids, 0, 2)).toEqual(["b", "c", "a", "d"]);
  expect(moved(ids, 3, 0)).toEqual(["d", "a", "b", "c"]);
});

it("names the entry in front of which it lands, and null at the end", () => {
  expect(beforeOf(ids, 0, 2)).toBe("d");
  expect(beforeOf(ids, 0, 3)).toBeNull();
  expect(beforeOf(ids, 3, 0)).toBe("a");
});

it("keeps a dragged row within the list", () => {
  expect(placeOver(1, 64 * 9, 64, 4)).toBe(3);
  expect(placeOver(1, -64 * 9, 64, 4)).toBe(0);
  expect(placeOver(1, 40, 64, 4)).toBe(2);
});

it("lets the others make way", () => {
  expect(ids.map((_, at) => shiftOf(at, 0, 2))).toEqual([0, -1, -1, 0]);
  expect(ids.map((_, at) => shiftOf(at, 3, 1))).toEqual([0, 1, 1, 0]);
});
