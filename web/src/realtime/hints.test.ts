import { Socket } from "phoenix";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ReturnHint, hearingReasons, hintMs } from "./hints";

/** The browser's WebSocket as far as it is used, closed by the test. */
class Wire extends EventTarget {
  static readonly opened: Wire[] = [];
  readyState = 0;
  onopen: () => void = () => undefined;
  onclose: (event: CloseEvent) => void = () => undefined;

  constructor() {
    super();
    Wire.opened.push(this);
    // As in a browser, the handler property is one listener among others, in the order in which they were added.
    queueMicrotask(() => {
      this.addEventListener("close", (event) => this.onclose(event as CloseEvent));
      this.readyState = 1;
      this.onopen();
    });
  }
  send(): void {}
  close(): void {}
  closedBy(code: number, reason: string): void {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }
}

describe("a hint to come back", () => {
  test.each([
    ["restart retry_after_ms=420", 420],
    ["resume retry_after_ms=9000000", 30_000],
    ["restart", null],
    ["", null],
    ["retry_after_ms=5", null],
    ["a retry_after_ms=-5", null],
  ])("is read from %j", (reason, ms) => {
    expect(hintMs(reason)).toBe(ms);
  });

  test("lasts until its moment, and a close without one ends it", () => {
    let now = 1_000;
    const hint = new ReturnHint(() => now);
    expect(hint.leftMs()).toBe(0);
    hint.read("restart retry_after_ms=500");
    now += 200;
    expect(hint.leftMs()).toBe(300);
    now += 400;
    expect(hint.leftMs()).toBe(0);
    hint.read("restart retry_after_ms=500");
    hint.read("");
    expect(hint.leftMs()).toBe(0);
  });
});

describe("the socket", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    Wire.opened.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("waits as long as it was asked to, and no longer the next time", async () => {
    const hint = new ReturnHint(() => Date.now());
    const socket = new Socket("ws://laptop.test/socket", {
      transport: hearingReasons(Wire as never, (reason) => hint.read(reason)) as never,
      reconnectAfterMs: () => Math.max(50, hint.leftMs()),
    });
    socket.connect();
    await vi.advanceTimersByTimeAsync(0);
    Wire.opened[0]?.closedBy(1012, "restart retry_after_ms=700");
    await vi.advanceTimersByTimeAsync(699);
    expect(Wire.opened.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(Wire.opened.length).toBe(2);
    Wire.opened[1]?.closedBy(1006, "");
    await vi.advanceTimersByTimeAsync(50);
    expect(Wire.opened.length).toBe(3);
    socket.disconnect();
  });
});
