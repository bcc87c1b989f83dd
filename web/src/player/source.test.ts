import { expect, test } from "vitest";
import { startLevel } from "./source";

test("the start takes the 128 kb/s rung, or the lowest there is", () => {
  expect(startLevel([70_000, 140_000, 275_000])).toBe(1);
  expect(startLevel([140_000])).toBe(0);
  expect(startLevel([275_000])).toBe(0);
  expect(startLevel([])).toBe(0);
});
