import { beforeEach, describe, expect, test, vi } from "vitest";
import { entry, playback, queue } from "../state/fixtures";
import { FakeDeck, pass, START_MS, Stage } from "./stage";

describe("a listener", () => {
  let stage: Stage;

  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS + 10_000 });
    FakeDeck.loadMs = 200;
    FakeDeck.startMs = 60;
    stage = new Stage();
    stage.follow(playback());
    return () => vi.useRealTimers();
  });

  test("loads nothing before the tap", () => {
    expect(stage.decks.flatMap((deck) => deck.loaded)).toEqual([]);
    expect(stage.player.view().state).toBe("off");
  });

  test("hears the room within half a second of the tap, and near the beat", async () => {
    stage.player.listen();
    expect(stage.player.view().state).toBe("starting");
    await pass(500);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("is in step after a few seconds, also where a start takes much longer than thought", async () => {
    FakeDeck.startMs = 170;
    stage.player.listen();
    await pass(5_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(new Set(stage.rates).size).toBeLessThanOrEqual(2);
  });

  test("starts on the beat the second time, because it has learned", async () => {
    FakeDeck.startMs = 170;
    stage.player.listen();
    await pass(5_000);
    stage.player.stop();
    stage.player.listen();
    await pass(800);
    expect(Math.abs(stage.errorMs)).toBeLessThan(15);
  });

  test("follows a pause at once and stands where the room stands", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, playing: false, position_ms: 40_000 }));
    expect(stage.sounding).toBeUndefined();
    expect(stage.player.view().state).toBe("waiting");
    await pass(100);
    expect(stage.decks.some((deck) => deck.positionMs === 40_000)).toBe(true);
  });

  test("goes on in step after a pause, though its browser has prepared more than it says", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, playing: false, position_ms: stage.player.positionMs ?? 0 }));
    await pass(2_000);
    stage.follow(playback({ rev: 3, position_ms: stage.now.position_ms, anchor_ms: Date.now() + 250 }));
    await pass(700);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(15);
  });

  test("is in step within three seconds of a start that missed by 70 ms, without another gap", async () => {
    stage.player.listen();
    await pass(3_000);
    FakeDeck.startMs = 130;
    stage.follow(playback({ rev: 2, position_ms: 45_000, anchor_ms: Date.now() + 250 }));
    await pass(500);
    expect(Math.abs(stage.errorMs)).toBeGreaterThan(50);
    const before = stage.sounding;
    await pass(2_250);
    expect(Math.abs(stage.errorMs)).toBeLessThan(20);
    expect(stage.sounding).toBe(before);
  });

  test("follows a seek within half a second", async () => {
    stage.player.listen();
    await pass(3_000);
    stage.follow(playback({ rev: 2, position_ms: 45_000, anchor_ms: Date.now() }));
    await pass(500);
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("bends towards a small re-anchor of the DJ instead of jumping", async () => {
    stage.player.listen();
    await pass(5_000);
    const before = stage.rates.length;
    stage.follow({ ...stage.now, rev: 2, anchor_ms: stage.now.anchor_ms + 60 });
    await pass(4_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(stage.rates.length).toBeGreaterThan(before);
  });

  test("holds the next track before this one ends, and changes over on the beat", async () => {
    const next = entry("11", 30_000);
    stage.follow(playback(), queue([next]));
    stage.player.listen();
    await pass(29_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
    await pass(20_900);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(2);
    expect(stage.player.soundingEntryId).toBe("10");
    await pass(200);
    expect(stage.player.soundingEntryId).toBe("11");
    const positionMs = stage.player.positionMs ?? Number.NaN;
    expect(Math.abs(positionMs - (Date.now() - (START_MS + 60_000)))).toBeLessThan(10);
  });

  test("rejoins the room where it is after the network was away", async () => {
    stage.player.listen();
    await pass(5_000);
    stage.sounding?.starve();
    await pass(3_000);
    expect(stage.player.view().state).toBe("stalled");
    stage.decks.find((deck) => deck.stalled)?.feed();
    await pass(2_500);
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("tries again by itself when the line fails, and says so meanwhile", async () => {
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("network");
    await pass(0);
    expect(stage.player.view()).toMatchObject({ state: "stalled", problem: { code: "audio_network" } });
    await pass(2_000);
    expect(stage.player.view()).toMatchObject({ state: "on", problem: null });
  });

  test("asks for a fresh signature when the old one has expired", async () => {
    stage.freshUrl = "/audio/fresh.m3u8";
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("expired");
    await pass(1_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toContain("/audio/fresh.m3u8");
    expect(stage.player.view().state).toBe("on");
  });

  test("gives up on a track that cannot be played, until another one plays", async () => {
    stage.player.listen();
    await pass(100);
    stage.decks.find((deck) => deck.entryId !== null)?.fail("unplayable");
    await pass(20_000);
    expect(stage.player.view()).toMatchObject({ state: "failed", problem: { code: "audio_unplayable" } });
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
    const { track } = entry("12", 60_000);
    stage.follow(playback({ rev: 3, entry_id: "12", track, anchor_ms: Date.now() }));
    await pass(1_000);
    expect(stage.player.view()).toMatchObject({ state: "on", problem: null });
  });

  test("goes on from the start when the DJ goes back after the end", async () => {
    stage.follow(playback({ device: null }));
    stage.player.listen();
    await pass(52_000);
    expect(stage.player.view().state).toBe("waiting");
    stage.follow(playback({ rev: 2, anchor_ms: Date.now() }));
    await pass(1_000);
    expect(stage.player.view().state).toBe("on");
    expect(Math.abs(stage.errorMs)).toBeLessThan(40);
  });

  test("stops loading and sounding when it stops listening", async () => {
    stage.player.listen();
    await pass(2_000);
    stage.player.stop();
    expect(stage.decks.every((deck) => deck.entryId === null && !deck.started)).toBe(true);
    await pass(60_000);
    expect(stage.decks.flatMap((deck) => deck.loaded)).toHaveLength(1);
  });
});

describe("the DJ's device", () => {
  let stage: Stage;

  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS + 10_000 });
    FakeDeck.loadMs = 200;
    FakeDeck.startMs = 170;
    stage = new Stage();
    stage.leads = true;
    stage.follow(playback(), queue([entry("11", 30_000)]));
    return () => vi.useRealTimers();
  });

  test("is never bent, and still starts near the beat", async () => {
    stage.player.listen();
    await pass(6_000);
    expect(stage.rates).toEqual([]);
    expect(Math.abs(stage.errorMs)).toBeLessThan(21);
  });

  test("tells where it has settled after a start, so that the room can be moved there", async () => {
    FakeDeck.startMs = 110;
    stage.player.listen();
    await pass(1_500);
    expect(stage.settled).toHaveLength(1);
    expect(stage.settled[0]).toBeCloseTo(stage.errorMs, 0);
  });

  test("has the next track at hand for a skip at any moment", async () => {
    stage.player.listen();
    await pass(6_000);
    expect(stage.decks.map((deck) => deck.entryId).sort()).toEqual(["10", "11"]);
    const { track } = entry("11", 30_000);
    stage.follow(playback({ rev: 2, entry_id: "11", track, anchor_ms: Date.now() }), queue());
    await pass(300);
    expect(stage.player.soundingEntryId).toBe("11");
  });
});
