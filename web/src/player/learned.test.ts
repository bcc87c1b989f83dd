import { expect, test } from "vitest";
import type { Memory } from "../state/storage";
import { LearnedDelays } from "./learned";

function memory(): Memory {
  const kept = new Map<string, string>();
  return {
    read: (key) => kept.get(key) ?? null,
    write: (key, value) => void (value === null ? kept.delete(key) : kept.set(key, value)),
  };
}

test("the first observation replaces the guess, one later hiccup does little", () => {
  const learned = new LearnedDelays(memory());
  learned.observe("start", 80);
  expect(learned.ms("start")).toBe(80);
  learned.observe("start", 80);
  learned.observe("start", 80);
  learned.observe("start", 140);
  expect(learned.ms("start")).toBe(100);
});

test("the next visit knows it", () => {
  const kept = memory();
  new LearnedDelays(kept).observe("start", 73);
  expect(new LearnedDelays(kept).ms("start")).toBe(73);
});

test("nonsense is cut or ignored, in what is observed and in what was kept", () => {
  const kept = memory();
  kept.write("delay.start", "-5");
  kept.write("delay.seek", "pizza");
  const learned = new LearnedDelays(kept);
  const [start, seek] = [learned.ms("start"), learned.ms("seek")];
  expect(start).toBeGreaterThan(0);
  expect(seek).toBeGreaterThan(0);
  learned.observe("start", Number.NaN);
  expect(learned.ms("start")).toBe(start);
  learned.observe("start", 1e9);
  expect(learned.ms("start")).toBeLessThanOrEqual(400);
});
