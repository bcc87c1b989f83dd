import { expect, test } from "vitest";
import { listeningState, type Situation } from "./listening";

const sounding: Situation = {
  on: true, blocked: false, roomPlays: true, trouble: "none", sounding: true, ended: false, stalled: false,
};

test.each<[Partial<Situation>, string]>([
  [{}, "on"],
  [{ on: false, sounding: false }, "off"],
  [{ on: false, sounding: false, trouble: "lasting" }, "failed"],
  [{ sounding: false }, "starting"],
  [{ sounding: false, roomPlays: null }, "starting"],
  [{ sounding: false, roomPlays: false }, "waiting"],
  [{ sounding: false, blocked: true }, "blocked"],
  [{ sounding: false, stalled: true }, "stalled"],
  [{ sounding: false, trouble: "passing" }, "stalled"],
  [{ sounding: false, trouble: "lasting" }, "failed"],
  [{ sounding: false, ended: true }, "waiting"],
])("%j is called %s", (change, expected) => {
  expect(listeningState({ ...sounding, ...change })).toBe(expected);
});
