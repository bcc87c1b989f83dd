import { describe, expect, test } from "vitest";
import { CAREFUL, correctionFor, isSteady, median, PATIENT, QUICK } from "./correction";

const steady = { settling: false, leads: false, maySeek: true, bent: false };

describe("a listener's player", () => {
  test("is left alone when it is near enough", () => {
    expect(correctionFor(5, steady)).toEqual({ kind: "none" });
    expect(correctionFor(-5, steady)).toEqual({ kind: "none" });
  });

  test.each([30, -30, 80, -80, 90])("ends up in step after one burst for %i ms", (errorMs) => {
    const correction = correctionFor(errorMs, steady);
    if (correction.kind !== "nudge") throw new Error("expected a nudge");
    expect(errorMs + (correction.rate - 1) * correction.forMs).toBeCloseTo(0, 6);
    expect(Math.abs(correction.rate - 1)).toBeLessThanOrEqual(0.05 + 1e-9);
  });

  test("is bent no more than a second of correcting needs", () => {
    expect(correctionFor(8, steady)).toEqual({ kind: "nudge", rate: 0.99, forMs: 800 });
  });

  test("seeks when a burst would take too long", () => {
    expect(correctionFor(300, steady)).toEqual({ kind: "seek" });
  });

  test("seeks sooner right after a start", () => {
    expect(correctionFor(-150, { ...steady, settling: true })).toEqual({ kind: "seek" });
  });

  test("is bent for what seeks have not mended, and looked at again after 2 s", () => {
    expect(correctionFor(-300, { ...steady, maySeek: false })).toEqual({ kind: "nudge", rate: 1.05, forMs: 2_000 });
  });

  test("seeks when a burst has not helped", () => {
    expect(correctionFor(60, { ...steady, bent: true })).toEqual({ kind: "seek" });
    expect(correctionFor(30, { ...steady, bent: true })).toMatchObject({ kind: "nudge" });
  });
});

describe("the DJ's player", () => {
  test("is never bent", () => {
    for (const errorMs of [-150, -60, 20, 60, 150]) {
      expect(correctionFor(errorMs, { ...steady, leads: true })).toEqual({ kind: "none" });
    }
  });

  test("repeats a start that missed", () => {
    expect(correctionFor(70, { ...steady, settling: true, leads: true })).toEqual({ kind: "seek" });
    expect(correctionFor(50, { ...steady, settling: true, leads: true })).toEqual({ kind: "none" });
  });

  test("rejoins the room after a long stall", () => {
    expect(correctionFor(-2_000, { ...steady, leads: true })).toEqual({ kind: "seek" });
  });
});

describe("a clock", () => {
  test("is steady when it moves in steps or one reading is wild", () => {
    expect(isSteady([3, 8, 5, 0, 6, 2, 7, 4], CAREFUL)).toBe(true);
    expect(isSteady([3, 2, 900, 3, 2, 3, 2, 3], CAREFUL)).toBe(true);
    expect(isSteady([5], CAREFUL)).toBe(true);
  });

  test("is not while it finds itself after a dropout", () => {
    expect(isSteady([-20, -18, -50, -52, -51], QUICK)).toBe(false);
  });

  test.each([
    [0.02, QUICK],
    [0.02, CAREFUL],
    [0.01, PATIENT],
  ])("is not while it runs wrong by %d of a second in a second", (rate, look) => {
    const sliding = Array.from({ length: look.readings }, (_, n) => -60 - rate * look.everyMs * n);
    expect(isSteady(sliding, look)).toBe(false);
  });
});

test("the median is not moved by one wild reading", () => {
  expect(median([3, 2, 900, 3, 2, 3, 2, 3])).toBe(3);
  expect(median([4, 1])).toBe(2.5);
  expect(median([])).toBe(0);
});
