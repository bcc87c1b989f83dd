import { expect, it } from "vitest";

import { ago } from "./ago";

it("says how long ago in the largest unit that is over", () => {
  expect(ago(0, 59_000)).toBe("this minute");
  expect(ago(0, 12 * 60_000)).toBe("12 min. ago");
  expect(ago(0, 2.9 * 3_600_000)).toBe("2 hr. ago");
  expect(ago(0, 30 * 3_600_000)).toBe("yesterday");
});

it("knows no future", () => {
  expect(ago(10_000, 0)).toBe("this minute");
});
