import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Credentials, Http } from "../realtime/http";
import { problem } from "../realtime/problem";
import { Uploads } from "./uploads";
import type { TrackBody } from "./wire";

const credentials: Credentials = { token: async () => "t", tokenIfAny: async () => "t", renew: async () => "t" };

/** Requests that stay on their way until the test answers them. */
class SlowRequest {
  static open: SlowRequest[] = [];
  readonly upload: { onprogress: unknown } = { onprogress: null };
  status = 0;
  responseText = "";
  onload: () => void = () => undefined;
  onabort: () => void = () => undefined;
  onerror: () => void = () => undefined;

  open(): void {
    SlowRequest.open.push(this);
  }

  setRequestHeader(): void {}

  send(): void {}

  abort(): void {
    this.onabort();
  }

  arrive(id: string): void {
    [this.status, this.responseText] = [202, JSON.stringify({ id, status: "queued" })];
    this.onload();
  }
}

function files(...names: string[]): File[] {
  return names.map((name) => new File(["music"], name));
}

function uploadsWith(get: () => Promise<TrackBody>): Uploads {
  return new Uploads({ get } as unknown as Http, credentials);
}

const ready: TrackBody = { id: "7", status: "ready", title: "Seven" };

beforeEach(() => {
  SlowRequest.open = [];
  vi.stubGlobal("XMLHttpRequest", SlowRequest);
  vi.useFakeTimers();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("sends two at a time, and the next one when one was dismissed on its way", async () => {
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3", "b.mp3", "c.mp3"));
  await vi.advanceTimersByTimeAsync(0);
  expect(SlowRequest.open).toHaveLength(2);
  uploads.dismiss(uploads.get()[0]?.key ?? "");
  await vi.advanceTimersByTimeAsync(0);
  expect(SlowRequest.open).toHaveLength(3);
  expect(uploads.get().map(({ fileName, phase }) => [fileName, phase])).toEqual([
    ["b.mp3", "sending"],
    ["c.mp3", "sending"],
  ]);
});

it("goes on watching a file that has arrived when the line fails for a while", async () => {
  const get = vi.fn<() => Promise<TrackBody>>().mockRejectedValueOnce(problem("offline")).mockResolvedValue(ready);
  const uploads = uploadsWith(get);
  uploads.add(files("a.mp3"));
  await vi.advanceTimersByTimeAsync(0);
  SlowRequest.open[0]?.arrive("7");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(uploads.get()[0]?.phase).toBe("ready");
});

it("says why a file did not arrive", async () => {
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3"));
  await vi.advanceTimersByTimeAsync(0);
  SlowRequest.open[0]?.onerror();
  await vi.advanceTimersByTimeAsync(0);
  expect(uploads.get()[0]).toMatchObject({ phase: "failed", problem: { code: "offline" } });
});
