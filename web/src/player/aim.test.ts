import { describe, expect, test } from "vitest";
import { playback } from "../state/fixtures";
import { positionAt } from "../state/timeline";
import { aim } from "./aim";

const START_MS = 1_000_000;
const delays = { exact: true, startDelayMs: 25, seekDelayMs: 60 };

describe("a loaded, silent player", () => {
  test("waits and presses play the start delay before its moment", () => {
    const nowMs = START_MS + 10_000;
    const next = aim(playback(), nowMs, { standsMs: 10_200, ...delays });
    expect(next).toEqual({ kind: "play", inMs: 175 });
  });

  test("comes in at once when it is a little late", () => {
    expect(aim(playback(), START_MS + 10_000, { standsMs: 10_016, ...delays })).toEqual({ kind: "play", inMs: 0 });
  });

  test("seeks to where the room will be when the seek and the start are done", () => {
    const nowMs = START_MS + 10_000;
    const next = aim(playback(), nowMs, { standsMs: 0, ...delays });
    if (next.kind !== "seek") throw new Error("expected a seek");
    const afterSeekMs = nowMs + delays.seekDelayMs;
    const then = aim(playback(), afterSeekMs, { standsMs: next.toMs, ...delays });
    if (then.kind !== "play") throw new Error("expected to play");
    expect(positionAt(playback(), afterSeekMs + then.inMs + delays.startDelayMs)).toBeCloseTo(next.toMs, 6);
  });

  test("seeks even from the right place when it was paused there: what it would play first is not known", () => {
    const paused = { standsMs: 10_200, ...delays, exact: false };
    expect(aim(playback(), START_MS + 10_000, paused).kind).toBe("seek");
  });

  test("does not wait in silence for long when it stands too far ahead", () => {
    expect(aim(playback(), START_MS + 10_000, { standsMs: 12_000, ...delays }).kind).toBe("seek");
  });

  test("waits for an anchor in the future, however far", () => {
    const next = aim(playback(), START_MS - 2_500, { standsMs: 0, ...delays });
    expect(next).toEqual({ kind: "play", inMs: 2_475 });
  });
});
