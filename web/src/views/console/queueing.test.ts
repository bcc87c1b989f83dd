import { expect, it } from "vitest";

import type { TrackBody } from "../../state/model";
import { fitting, queueable } from "./queueing";

const track = (id: string, change: Partial<TrackBody> = {}): TrackBody => ({ id, status: "available", title: id, ...change });

it("offers what can be played: an offline file only when it has been encoded", () => {
  expect(queueable({ status: "available" })).toBe(true);
  expect(queueable({ status: "failed" })).toBe(false);
  expect(queueable({ status: "available", offline: true })).toBe(false);
  expect(queueable({ status: "ready", offline: true })).toBe(true);
});

it("fills the queue up in order and counts what is left out, and why", () => {
  const tracks = [track("a"), track("b", { status: "failed" }), track("c"), track("d")];
  const { take, unplayable, tooMany } = fitting(tracks, 198);
  expect(take.map(({ id }) => id)).toEqual(["a", "c"]);
  expect([unplayable, tooMany]).toEqual([1, 1]);
  expect(fitting(tracks, 200).take).toEqual([]);
});
