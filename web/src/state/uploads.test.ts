import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Credentials, Http } from "../realtime/http";
import { problem } from "../realtime/problem";
import { BrowserUploads } from "./uploads";
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

function uploadsWith(get: () => Promise<TrackBody>): BrowserUploads {
  return new BrowserUploads({ get } as unknown as Http, credentials);
}

/** Until the view shows what has happened. */
const drawn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(100);

/** Promises on the way from one answer to the next request, with some to spare. */
const TURNS = 20;

/** Every file arrives at once, as a track of its own number. */
async function arriveAll(): Promise<void> {
  for (let sent = 0; sent < SlowRequest.open.length; sent += 1) {
    SlowRequest.open[sent]?.arrive(String(sent + 1));
    for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
  }
}

const ready: TrackBody = { id: "7", status: "ready", title: "Seven" };

const page = new EventTarget();

beforeEach(() => {
  SlowRequest.open = [];
  vi.stubGlobal("XMLHttpRequest", SlowRequest);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.useFakeTimers();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("sends two at a time, and the next one when one was dismissed on its way", async () => {
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3", "b.mp3", "c.mp3"));
  await drawn();
  expect(SlowRequest.open).toHaveLength(2);
  uploads.dismiss(uploads.get().shown[0]?.key ?? "");
  await drawn();
  expect(SlowRequest.open).toHaveLength(3);
  expect(uploads.get().shown.map(({ fileName, phase }) => [fileName, phase])).toEqual([
    ["b.mp3", "sending"],
    ["c.mp3", "sending"],
  ]);
});

it("goes on watching a file that has arrived when the line fails for a while", async () => {
  const get = vi.fn<() => Promise<TrackBody>>().mockRejectedValueOnce(problem("offline")).mockResolvedValue(ready);
  const uploads = uploadsWith(get);
  uploads.add(files("a.mp3"));
  await drawn();
  SlowRequest.open[0]?.arrive("7");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(uploads.get().shown[0]?.phase).toBe("ready");
});

it("says why a file did not arrive", async () => {
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3"));
  await drawn();
  SlowRequest.open[0]?.onerror();
  await drawn();
  expect(uploads.get().shown[0]).toMatchObject({ phase: "failed", problem: { code: "offline" } });
});

it("hands tracks on in the order of the files, whichever is encoded first", async () => {
  const known: Record<string, TrackBody> = {
    "1": { id: "1", status: "encoding", title: "slow", progress: 0 },
    "2": { id: "2", status: "failed", title: "broken", reason: "no music" },
    "3": { id: "3", status: "available", title: "later" },
  };
  const uploads = new BrowserUploads({ get: async (path: string) => known[path.split("/").at(-1) ?? ""] } as unknown as Http, credentials);
  const handed: string[] = [];
  uploads.add(files("1.mp3", "2.mp3", "3.mp3"), async (tracks) => void handed.push(...tracks.map(({ title }) => title)));
  await drawn();
  await arriveAll();
  expect(handed).toEqual([]);
  known["1"] = { id: "1", status: "encoding", title: "slow", progress: 0, duration_ms: 180_000 };
  await vi.advanceTimersByTimeAsync(1_000);
  expect(handed).toEqual(["slow", "later"]);
});

it("shows a bounded part of two thousand files, and counts all of them", async () => {
  const uploads = uploadsWith(async () => ({ ...ready, status: "queued" }));
  uploads.add(files(...Array.from({ length: 2_000 }, (_, at) => `${at}.mp3`)));
  await drawn();
  expect(SlowRequest.open).toHaveLength(2);
  expect(uploads.get()).toMatchObject({ total: 2_000, done: 0 });
  await arriveAll();
  await drawn();
  expect(uploads.get()).toMatchObject({ total: 2_000, done: 2_000, waiting: 0 });
  expect(uploads.get().shown.length).toBeLessThan(20);
});

it("asks after a few tracks at a time, however many wait to be encoded", async () => {
  const get = vi.fn(async () => ({ ...ready, status: "queued" }) as TrackBody);
  const uploads = uploadsWith(get);
  uploads.add(files(...Array.from({ length: 100 }, (_, at) => `${at}.mp3`)));
  await drawn();
  await arriveAll();
  get.mockClear();
  await vi.advanceTimersByTimeAsync(700);
  expect(get.mock.calls.length).toBeLessThanOrEqual(4);
});

it("does not send what the disk has no room for", async () => {
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3", "b.mp3", "c.mp3", "d.mp3"));
  await drawn();
  const [first] = SlowRequest.open;
  if (first !== undefined) {
    [first.status, first.responseText] = [507, JSON.stringify({ code: "disk_full", message: "full" })];
    first.onload();
  }
  await drawn();
  expect(SlowRequest.open).toHaveLength(2);
  expect(uploads.get().shown.filter(({ phase }) => phase === "failed")).toHaveLength(3);
});

it("asks to stay while something is on its way, and only then", async () => {
  const asks = (): boolean => !page.dispatchEvent(new Event("beforeunload", { cancelable: true }));
  const uploads = uploadsWith(async () => ready);
  uploads.add(files("a.mp3"));
  await drawn();
  expect(asks()).toBe(true);
  await arriveAll();
  expect(asks()).toBe(false);
});
