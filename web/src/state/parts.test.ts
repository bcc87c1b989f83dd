import { describe, expect, test } from "vitest";
import { chatLines } from "./chat";
import { entry, guest, joinReply, message, playback, queue, room } from "./fixtures";
import { afterEvent, afterReset, afterResume } from "./parts";

const joined = afterReset(null, joinReply({ messages: [message("2"), message("1")] }));

describe("an event", () => {
  test("replaces its part when it is newer", () => {
    const paused = playback({ rev: 5, playing: false });
    expect(afterEvent(joined, "playback", paused).playback).toBe(paused);
  });

  test("that is late, repeated or overtaken changes nothing", () => {
    const newer = afterEvent(joined, "playback", playback({ rev: 5, playing: false }));
    expect(afterEvent(newer, "playback", playback({ rev: 5 }))).toBe(newer);
    expect(afterEvent(newer, "playback", playback({ rev: 4 }))).toBe(newer);
    expect(afterEvent(newer, "queue", queue([entry("1", 1)], 0))).toBe(newer);
    expect(afterEvent(newer, "room", room({ rev: 1, title: "old" }))).toBe(newer);
  });

  test("about another member tells their role and leaves mine alone", () => {
    const other = { rev: 9, user: { ...guest, id: "77" }, role: "moderator" };
    const told = afterEvent(joined, "member", other);
    expect(told.me).toBe(joined.me);
    expect(told.roles.get("77")?.role).toBe("moderator");
    expect(afterEvent(told, "member", { ...other, rev: 8, role: "listener" })).toBe(told);
    const mute = { rev: 9, user: guest, role: "listener", muted_until_ms: 5 };
    expect(afterEvent(joined, "member", mute).me).toBe(mute);
  });

  test("of an unknown name changes nothing", () => {
    expect(afterEvent(joined, "confetti", { much: true })).toBe(joined);
  });
});

describe("joining again", () => {
  const missed = [
    ["chat", { ...message("3"), seq: 11, prev: 10, key: "a" }],
    ["chat_edited", { id: "1", edit_rev: 1, text: "edited", seq: 12, prev: 11, key: "b" }],
    ["playback", { ...playback({ rev: 7, playing: false }), seq: 13, prev: 12, key: "c" }],
  ] as const;

  test("with what was missed gives the same room as a fresh look", () => {
    const messages = [message("3"), message("2"), message("1", { text: "edited", edit_rev: 1 })];
    const reply = joinReply({ playback: playback({ rev: 7, playing: false }), messages, listeners: 4 });
    const resumed = afterResume(joined, { ...reply, events: missed });
    const fresh = afterReset(null, reply);
    expect(chatLines(resumed.chat, null)).toEqual(chatLines(fresh.chat, null));
    expect(resumed.playback).toEqual(expect.objectContaining({ rev: 7, playing: false }));
    expect({ ...resumed, chat: null, playback: null }).toEqual({ ...fresh, chat: null, playback: null });
  });

  test("from scratch believes the server, also when its revisions went back", () => {
    const ahead = afterEvent(joined, "playback", playback({ rev: 50 }));
    const restored = playback({ rev: 3, playing: false });
    expect(afterReset(ahead, joinReply({ playback: restored })).playback).toBe(restored);
  });

  test("from scratch keeps the lines that were loaded", () => {
    const again = afterReset(joined, joinReply({ messages: [message("9")] }));
    expect(again.chat.lines.map((line) => line.id)).toEqual(["1", "2", "9"]);
  });
});
