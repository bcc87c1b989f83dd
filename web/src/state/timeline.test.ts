import { describe, expect, test } from "vitest";
import { entry, playback, queue } from "./fixtures";
import { caughtUp, endsAtMs, nextChangeMs, positionAt, shownPositionAt } from "./timeline";

const START_MS = 1_000_000;

describe("the position", () => {
  test("moves with server time while it plays", () => {
    expect(positionAt(playback({ position_ms: 500 }), START_MS + 2_000)).toBe(2_500);
  });

  test("stands while it is paused", () => {
    expect(positionAt(playback({ position_ms: 500, playing: false }), START_MS + 2_000)).toBe(500);
  });

  test("stands until an anchor that lies in the future", () => {
    expect(positionAt(playback({ position_ms: 500 }), START_MS - 2_000)).toBe(500);
  });

  test("is shown within the track", () => {
    expect(shownPositionAt(playback(), START_MS + 90_000)).toBe(60_000);
  });
});

describe("catching up", () => {
  test("changes nothing before the end", () => {
    const [now, next] = [playback(), queue([entry("11", 5_000)])];
    const caught = caughtUp(now, next, START_MS + 59_999);
    expect(caught.playback).toBe(now);
    expect(caught.queue).toBe(next);
  });

  test("starts the next track at the moment the last one ended, not when it was looked at", () => {
    const caught = caughtUp(playback(), queue([entry("11", 50_000)]), START_MS + 61_000);
    expect(caught.playback).toMatchObject({ entry_id: "11", anchor_ms: START_MS + 60_000, position_ms: 0 });
    expect(positionAt(caught.playback, START_MS + 61_000)).toBe(1_000);
    expect(caught.queue.entries).toEqual([]);
  });

  test("goes over as many tracks as have passed", () => {
    const entries = [entry("11", 10_000), entry("12", 10_000), entry("13", 10_000)];
    const caught = caughtUp(playback(), queue(entries), START_MS + 85_000);
    expect(caught.playback.entry_id).toBe("13");
    expect(positionAt(caught.playback, START_MS + 85_000)).toBe(5_000);
  });

  test("stops after the last track when a DJ's device leads", () => {
    const caught = caughtUp(playback(), queue(), START_MS + 61_000);
    expect(caught.playback).toMatchObject({ entry_id: null, track: null, playing: false });
  });

  test("waits at the end of the last track for what the auto-DJ takes next", () => {
    const now = playback({ device: null });
    expect(caughtUp(now, queue(), START_MS + 61_000).playback).toBe(now);
  });

  test("never passes a track of unknown length", () => {
    const now = playback({ track: { ...entry("10", 0).track } });
    expect(endsAtMs(now)).toBeNull();
    expect(caughtUp(now, queue([entry("11", 5_000)]), START_MS + 1e9).playback).toBe(now);
  });
});

test("the next change by itself is the end of what plays", () => {
  expect(nextChangeMs(playback(), START_MS)).toBe(START_MS + 60_000);
  expect(nextChangeMs(playback(), START_MS + 60_000)).toBeNull();
  expect(nextChangeMs(playback({ playing: false }), START_MS)).toBeNull();
});
