import { describe, expect, test } from "vitest";
import { ClockFilter, LeapWatch } from "./clock";

const OFFSET_MS = 5_000;

/** An exchange over a line with these delays, at local time `t1`. */
function exchange(t1: number, thereMs: number, backMs: number): Parameters<ClockFilter["add"]>[0] {
  const t2 = t1 + thereMs + OFFSET_MS;
  const t3 = t2 + 0.2;
  return { t1, t2, t3, t4: t3 - OFFSET_MS + backMs, err_ms: 0 };
}

describe("the clock filter", () => {
  test("knows nothing before the first sample", () => {
    expect(new ClockFilter().offsetMs(0)).toBeNull();
    expect(new ClockFilter().doubtMs(0)).toBeNull();
  });

  test("finds the offset exactly when both ways take the same time", () => {
    const filter = new ClockFilter();
    filter.add(exchange(0, 12, 12));
    expect(filter.offsetMs(24)).toBeCloseTo(OFFSET_MS, 6);
  });

  test("believes the fastest exchange, however many slow ones disagree", () => {
    const filter = new ClockFilter();
    for (let i = 0; i < 10; i += 1) filter.add(exchange(i * 100, 80, 5));
    filter.add(exchange(2_000, 1, 1));
    for (let i = 0; i < 10; i += 1) filter.add(exchange(3_000 + i * 100, 80, 5));
    expect(filter.offsetMs(4_000)).toBeCloseTo(OFFSET_MS, 6);
    expect(filter.rttMs()).toBeCloseTo(2, 6);
  });

  test("is never further off than it says", () => {
    const filter = new ClockFilter();
    filter.add(exchange(0, 30, 2));
    const error = Math.abs((filter.offsetMs(32) ?? 0) - OFFSET_MS);
    expect(error).toBeLessThanOrEqual(filter.doubtMs(32) ?? 0);
  });

  test("gives up an old good sample when the clocks may have parted by more", () => {
    const filter = new ClockFilter();
    filter.add(exchange(0, 1, 1));
    const later = 600_000;
    const drifted = exchange(later, 4, 4);
    filter.add({ ...drifted, t2: drifted.t2 + 30, t3: drifted.t3 + 30 });
    expect(filter.offsetMs(later + 8)).toBeCloseTo(OFFSET_MS + 30, 6);
  });

  test("ignores times that run backwards", () => {
    const filter = new ClockFilter();
    filter.add({ t1: 10, t2: 5_020, t3: 5_010, t4: 12, err_ms: 0 });
    filter.add({ t1: 10, t2: 5_000, t3: 5_050, t4: 12, err_ms: 0 });
    expect(filter.size).toBe(0);
  });
});

test("a leap is told once, and small scatter never", () => {
  const watch = new LeapWatch(0, 1_000);
  expect(watch.leapMs(100, 1_103)).toBe(0);
  expect(watch.leapMs(200, 61_203)).toBe(60_000);
  expect(watch.leapMs(300, 61_303)).toBe(0);
});

test("after a reset the old offset bridges the time to the first answer, moved by the leap", () => {
  const filter = new ClockFilter();
  filter.add(exchange(0, 1, 1));
  filter.reset(10, 60_000);
  expect(filter.offsetMs(10)).toBeCloseTo(OFFSET_MS + 60_000, 6);
  expect(filter.doubtMs(10)).toBeNull();
  filter.add(exchange(20, 3, 3));
  expect(filter.offsetMs(30)).toBeCloseTo(OFFSET_MS, 6);
});
