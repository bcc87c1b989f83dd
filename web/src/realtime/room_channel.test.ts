import { Socket } from "phoenix";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { joinReply, message } from "../state/fixtures";
import type { JoinReply } from "../state/wire";
import { ProblemError } from "./problem";
import { RoomChannel, type Payload } from "./room_channel";

type Frame = [string | null, string | null, string, string, Payload];

/** The server's end of the Phoenix client's WebSocket, driven by the test. */
class Wire {
  static last: Wire;
  readyState = 0;
  readonly frames: Frame[] = [];
  onopen: () => void = () => undefined;
  onclose: (event: { code: number }) => void = () => undefined;
  onerror: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;

  constructor() {
    Wire.last = this;
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen();
    });
  }

  send(text: string): void {
    this.frames.push(JSON.parse(text) as Frame);
  }

  close(): void {
    this.readyState = 3;
    this.onclose({ code: 1000 });
  }

  cut(): void {
    this.readyState = 3;
    this.onclose({ code: 1006 });
  }

  sent(event: string): Frame[] {
    return this.frames.filter((frame) => frame[3] === event);
  }

  /** Answers the newest frame of that event. */
  answer(event: string, status: "ok" | "error", response: object): void {
    const frame = this.sent(event).at(-1);
    if (frame === undefined) throw new Error(`no ${event} was sent`);
    this.tell(frame[0], frame[1], "phx_reply", { status, response });
  }

  tell(joinRef: string | null, ref: string | null, event: string, payload: object): void {
    this.onmessage({ data: JSON.stringify([joinRef, ref, "room:100", event, payload]) });
  }

  event(name: string, payload: object): void {
    this.tell(null, null, name, payload);
  }
}

class Listener {
  readonly joins: { reply: JoinReply; resumed: boolean }[] = [];
  readonly heard: [string, Payload][] = [];
  readonly refusals: string[] = [];
  readonly closings: string[] = [];
  lostTimes = 0;

  joined(reply: JoinReply, resumed: boolean): void {
    this.joins.push({ reply, resumed });
  }
  event(name: string, payload: Payload): void {
    this.heard.push([name, payload]);
  }
  lost(): void {
    this.lostTimes += 1;
  }
  refusedJoin(refusal: ProblemError): void {
    this.refusals.push(refusal.code);
  }
  closed(refusal: ProblemError): void {
    this.closings.push(refusal.code);
  }
}

const chat = (seq: number, prev: number): Payload => ({ seq, prev, key: `k${seq}`, ...message(String(seq)) });

describe("the room's channel", () => {
  let listener: Listener;
  let channel: RoomChannel;

  beforeEach(async () => {
    vi.useFakeTimers();
    const socket = new Socket("ws://laptop.test/socket", {
      transport: Wire as never,
      reconnectAfterMs: () => 100,
      rejoinAfterMs: () => 100,
    });
    socket.connect();
    listener = new Listener();
    channel = new RoomChannel(socket, "room:100", () => ({ device: "d", access_token: "token" }), listener);
    channel.open();
    await vi.advanceTimersByTimeAsync(0);
    return () => {
      channel.close();
      socket.disconnect();
      vi.useRealTimers();
    };
  });

  const live = (): void => Wire.last.answer("phx_join", "ok", joinReply());

  test("joins from scratch with its device and token", () => {
    expect(Wire.last.sent("phx_join")[0]?.[4]).toEqual({ device: "d", access_token: "token" });
    live();
    expect(listener.joins).toEqual([{ reply: joinReply(), resumed: false }]);
  });

  test("hands on events in order and drops what it has seen", () => {
    live();
    Wire.last.event("chat", chat(11, 10));
    Wire.last.event("chat", chat(11, 10));
    Wire.last.event("chat", chat(9, 8));
    Wire.last.event("chat", chat(14, 11));
    Wire.last.event("listeners", { count: 3 });
    expect(listener.heard.map(([name, payload]) => payload["seq"] ?? name)).toEqual([11, 14, "listeners"]);
    expect(channel.gaps).toBe(0);
  });

  test("joins again at the moment it was given when everybody has to, with what it saw last", async () => {
    live();
    Wire.last.event("chat", chat(11, 10));
    const body = { code: "unavailable", message: "Join again.", retry_after_ms: 3_000 };
    Wire.last.tell(Wire.last.sent("phx_join")[0]?.[0] ?? null, null, "phx_error", body);
    expect(listener.lostTimes).toBe(1);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(Wire.last.sent("phx_join").length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(Wire.last.sent("phx_join")[1]?.[4]).toMatchObject({ after: { seq: 11 } });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(Wire.last.sent("phx_join").length).toBe(2);
  });

  test("waits as long as a refused join asks for", async () => {
    const body = { code: "rate_limited", message: "Wait.", reason: "rate_limited", retry_after_ms: 4_000 };
    Wire.last.answer("phx_join", "error", body);
    expect(listener.refusals).toEqual(["rate_limited"]);
    await vi.advanceTimersByTimeAsync(3_999);
    expect(Wire.last.sent("phx_join").length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(Wire.last.sent("phx_join").length).toBe(2);
    live();
    expect(listener.joins.length).toBe(1);
  });

  test("asks after the last event it saw when the socket comes back", async () => {
    live();
    Wire.last.event("chat", chat(11, 10));
    Wire.last.cut();
    expect(listener.lostTimes).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(Wire.last.sent("phx_join")[0]?.[4]).toMatchObject({ after: { epoch: "e", seq: 11, key: "k11" } });
    Wire.last.answer("phx_join", "ok", joinReply({ events: [], position: { epoch: "e", seq: 11, key: "k11" } }));
    expect(listener.joins.map((join) => join.resumed)).toEqual([false, true]);
  });

  test("counts a reset as a join from scratch", async () => {
    live();
    Wire.last.cut();
    await vi.advanceTimersByTimeAsync(200);
    Wire.last.answer("phx_join", "ok", joinReply({ reset: true, position: { epoch: "f", seq: 2, key: "k2" } }));
    expect(listener.joins.at(-1)?.resumed).toBe(false);
    Wire.last.event("chat", chat(3, 2));
    expect(listener.heard).toHaveLength(1);
  });

  test("never shows an event after a gap: it starts over and counts", async () => {
    live();
    Wire.last.event("chat", chat(13, 12));
    expect(listener.heard).toEqual([]);
    expect(channel.gaps).toBe(1);
    expect(Wire.last.sent("phx_leave")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(Wire.last.sent("phx_join")[1]?.[4]).toEqual({ device: "d", access_token: "token" });
  });

  test("answers a command with the server's word, whichever it is", async () => {
    live();
    const good = channel.push<{ id: string }>("chat:send", { text: "hi" });
    Wire.last.answer("chat:send", "ok", { id: "7" });
    await expect(good).resolves.toEqual({ id: "7" });
    const bad = channel.push("chat:send", { text: "hi" });
    Wire.last.answer("chat:send", "error", { code: "rate_limited", message: "m", reason: "rate_limited", retry_after_ms: 9 });
    await expect(bad).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 9, passing: true });
  });

  test("says at once that a command has no answer when the socket is lost", async () => {
    live();
    const doubtful = channel.push("chat:send", { text: "hi" });
    Wire.last.cut();
    await expect(doubtful).rejects.toMatchObject({ code: "offline" });
    await expect(channel.push("playback:pause", {})).rejects.toMatchObject({ code: "offline" });
  });

  test("stays away when it was sent away", async () => {
    live();
    const joinRef = Wire.last.sent("phx_join")[0]?.[0] ?? null;
    Wire.last.tell(joinRef, joinRef, "phx_close", { code: "banned", message: "m" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(listener.closings).toEqual(["banned"]);
    expect(Wire.last.sent("phx_join")).toHaveLength(1);
  });

  test("stays away when the join is refused for good", async () => {
    Wire.last.answer("phx_join", "error", { code: "banned", message: "m", reason: "banned" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(listener.refusals).toEqual(["banned"]);
    expect(Wire.last.sent("phx_join")).toHaveLength(1);
  });

  test("tries again when the refusal may pass or the token was old", async () => {
    Wire.last.answer("phx_join", "error", { code: "unauthorized", message: "m", reason: "unauthorized" });
    await vi.advanceTimersByTimeAsync(150);
    expect(Wire.last.sent("phx_join")).toHaveLength(2);
    Wire.last.answer("phx_join", "error", { code: "overloaded", message: "m", reason: "overloaded" });
    await vi.advanceTimersByTimeAsync(150);
    Wire.last.answer("phx_join", "ok", joinReply());
    expect(listener.refusals).toEqual(["unauthorized", "overloaded"]);
    expect(listener.joins).toHaveLength(1);
  });

  test("comes back after a close that gives no reason", async () => {
    live();
    const joinRef = Wire.last.sent("phx_join")[0]?.[0] ?? null;
    Wire.last.tell(joinRef, joinRef, "phx_close", {});
    await vi.advanceTimersByTimeAsync(1_100);
    expect(Wire.last.sent("phx_join")).toHaveLength(2);
    expect(Wire.last.sent("phx_join")[1]?.[4]).toHaveProperty("after");
  });
});
