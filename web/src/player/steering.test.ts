import { beforeEach, describe, expect, test, vi } from "vitest";
import { playback } from "../state/fixtures";
import { FakeDeck, pass, START_MS, Stage } from "./stage";

/** The longest that the page knew of an error that is heard, within the next `ms`. */
async function longestKnownMs(stage: Stage, ms: number): Promise<number> {
  let [longest, now] = [0, 0];
  for (let passed = 0; passed < ms; passed += 50) {
    await pass(50);
    now = Math.abs(stage.errorMs) >= 40 ? now + 50 : 0;
    longest = Math.max(longest, now);
  }
  return longest;
}
describe("a listener who is out of step", () => {
  let stage: Stage;

  beforeEach(() => {
    vi.useFakeTimers({ now: START_MS + 10_000 });
    FakeDeck.loadMs = 200;
    FakeDeck.startMs = 60;
    stage = new Stage();
    stage.follow(playback());
    return () => vi.useRealTimers();
  });

  test("makes up for sound that a busy machine swallowed, within five seconds", async () => {
    stage.player.listen();
    await pass(8_000);
    stage.sounding?.swallow(90);
    expect(stage.errorMs).toBeLessThan(-80);
    await pass(5_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test("does not follow its own clock while that finds itself after a dropout", async () => {
    stage.player.listen();
    await pass(8_000);
    const { sounding } = stage;
    const fromMs = Date.now();
    if (sounding !== undefined) sounding.lie = () => -0.03 * Math.max(0, 4_000 - (Date.now() - fromMs));
    const before = stage.rates.length;
    await pass(4_500);
    expect(stage.rates.length).toBe(before);
    if (sounding !== undefined) sounding.lie = null;
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test.each([-300, -131, -85, -60, 60, 85, 131])("does not go on %i ms off for long, knowing of it", async (lostMs) => {
    stage.player.listen();
    await pass(8_000);
    stage.sounding?.swallow(-lostMs);
    expect(await longestKnownMs(stage, 15_000)).toBeLessThan(3_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });

  test("nor where bending is refused", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.stiff = true;
    stage.sounding?.swallow(80);
    expect(await longestKnownMs(stage, 30_000)).toBeLessThan(4_500);
  });

  test("waits once for a clock that goes on wandering, not before every correction", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.lie = () => -0.035 * (Date.now() % 2_400);
    await pass(6_000);
    const before = stage.rates.length + stage.plays;
    await pass(7_000);
    expect(stage.rates.length + stage.plays - before).toBeGreaterThanOrEqual(2);
  });

  test("is not started again for ever because its clock wanders", async () => {
    stage.player.listen();
    await pass(8_000);
    for (const deck of stage.decks) deck.lie = () => (Math.floor(Date.now() / 2_000) % 2) * 400;
    const before = stage.plays;
    await pass(120_000);
    expect(stage.plays - before).toBeLessThanOrEqual(15);
  });

  test("learns a start that takes very long, instead of starting again for ever", async () => {
    FakeDeck.startMs = 350;
    stage.player.listen();
    await pass(8_000);
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
    expect(stage.plays).toBeLessThanOrEqual(4);
  });

  test("does not follow its own clock either when it has just started", async () => {
    stage.player.listen();
    await pass(8_000);
    stage.follow(playback({ rev: 2, position_ms: 20_000, anchor_ms: Date.now() + 250 }));
    await pass(350);
    const fromMs = Date.now();
    for (const deck of stage.decks) deck.lie = () => -20 - 0.03 * (Date.now() - fromMs);
    const before = stage.rates.length;
    await pass(4_000);
    expect(stage.rates.length).toBe(before);
    for (const deck of stage.decks) deck.lie = null;
    expect(Math.abs(stage.errorMs)).toBeLessThan(8);
  });
});
