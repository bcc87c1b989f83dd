import { expect, it } from "vitest";

import { playback, queue, room } from "./fixtures";
import { livelyFirst } from "./home";
import type { RoomBody } from "./wire";

function body(title: string, playing: boolean, listeners: number): RoomBody {
  return { room: room({ title }), playback: playback({ playing }), queue: queue(), listeners };
}

it("shows first where music plays, then where people are, and keeps the server's order otherwise", () => {
  const rooms = [body("new", false, 0), body("waiting", false, 3), body("playing", true, 1), body("full", true, 9), body("old", false, 0)];
  expect(livelyFirst(rooms).map((one) => one.room.title)).toEqual(["full", "playing", "waiting", "new", "old"]);
});
