import { beforeEach, describe, expect, test, vi } from "vitest";
import { problem, ProblemError } from "../realtime/problem";
import { Outgoing, type OutgoingLine } from "./outgoing";

/** A server whose answers the test gives by hand. */
class Line {
  readonly sent: { line: OutgoingLine; resolve: (reply: { id: string }) => void; reject: (error: unknown) => void }[] = [];
  readonly acknowledged: string[] = [];
  readonly failed: [string, string][] = [];
  readonly outgoing = new Outgoing({
    send: (line) => new Promise((resolve, reject) => this.sent.push({ line, resolve, reject })),
    acknowledged: (nonce) => this.acknowledged.push(nonce),
    failed: (nonce, refusal) => this.failed.push([nonce, refusal.code]),
  });

  get nonces(): string[] {
    return this.sent.map(({ line }) => line.nonce);
  }
}

describe("lines on their way", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => vi.useRealTimers();
  });

  test("go one after the other, in the order they were written", async () => {
    const server = new Line();
    for (const nonce of ["a", "b", "c"]) server.outgoing.add({ nonce, text: nonce });
    expect(server.nonces).toEqual(["a"]);
    server.sent[0]?.resolve({ id: "1" });
    await vi.runAllTimersAsync();
    expect(server.nonces).toEqual(["a", "b"]);
    expect(server.acknowledged).toEqual(["a"]);
  });

  test("are sent again with the same nonce when the room is back", async () => {
    const server = new Line();
    server.outgoing.add({ nonce: "a", text: "hi" });
    server.sent[0]?.reject(problem("offline"));
    await vi.runAllTimersAsync();
    expect(server.nonces).toEqual(["a"]);
    server.outgoing.resume();
    expect(server.nonces).toEqual(["a", "a"]);
    server.sent[1]?.resolve({ id: "1" });
    await vi.runAllTimersAsync();
    expect(server.acknowledged).toEqual(["a"]);
  });

  test("wait as long as the server says, and keep their order meanwhile", async () => {
    const server = new Line();
    server.outgoing.add({ nonce: "a", text: "fast" });
    server.outgoing.add({ nonce: "b", text: "talker" });
    server.sent[0]?.reject(new ProblemError("rate_limited", "slowly", 3_000));
    await vi.advanceTimersByTimeAsync(2_999);
    expect(server.nonces).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.nonces).toEqual(["a", "a"]);
    expect(server.failed).toEqual([]);
  });

  test("fail at once when trying again would not help, and let the next one go", async () => {
    const server = new Line();
    server.outgoing.add({ nonce: "a", text: "x" });
    server.outgoing.add({ nonce: "b", text: "y" });
    server.sent[0]?.reject(problem("muted"));
    await vi.runAllTimersAsync();
    expect(server.failed).toEqual([["a", "muted"]]);
    expect(server.nonces).toEqual(["a", "b"]);
  });

  test("fail after a few tries that did not help", async () => {
    const server = new Line();
    server.outgoing.add({ nonce: "a", text: "x" });
    for (let i = 0; i < 4; i += 1) {
      server.sent[i]?.reject(problem("unavailable"));
      await vi.runAllTimersAsync();
    }
    expect(server.sent).toHaveLength(4);
    expect(server.failed).toEqual([["a", "unavailable"]]);
  });

  test("are bounded", () => {
    const server = new Line();
    const taken = Array.from({ length: 51 }, (_, i) => server.outgoing.add({ nonce: String(i), text: "x" }));
    expect(taken.filter(Boolean)).toHaveLength(50);
    expect(taken.at(-1)).toBe(false);
  });
});
