import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Credentials, Http } from "../realtime/http";
import { asked, BrowserCatalog } from "./catalog";

const credentials: Credentials = { token: async () => "old", tokenIfAny: async () => "old", renew: async () => "new" };
const catalog = new BrowserCatalog({} as Http, credentials);

const refusal = (status: number, code: string, retry_after_ms?: number): Response =>
  new Response(JSON.stringify({ code, message: code, retry_after_ms }), { status });

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("leaves out of a question what is empty", () => {
  expect(asked({ limit: 50, q: " ", album: null, artist: "A & B", room: undefined })).toBe("?limit=50&artist=A+%26+B");
  expect(asked({ q: "" })).toBe("");
});

it("waits for a file that is being made, as long as it is told to", async () => {
  const answers = [refusal(503, "unavailable", 2_000), refusal(503, "unavailable", 2_000), new Response("music")];
  const fetch = vi.fn(async () => answers.shift());
  vi.stubGlobal("fetch", fetch);
  const file = catalog.ogg("7", "100");
  await vi.advanceTimersByTimeAsync(1_999);
  expect(fetch).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_001);
  expect((await file).size).toBe(5);
});

it("renews an expired token once, and says what else is refused", async () => {
  const sent: unknown[] = [];
  vi.stubGlobal("fetch", async (_path: string, { headers }: { headers: Record<string, string> }) => {
    sent.push(headers["Authorization"]);
    return sent.length === 1 ? refusal(401, "unauthorized") : refusal(403, "forbidden");
  });
  await expect(catalog.ogg("7", null)).rejects.toMatchObject({ code: "forbidden" });
  expect(sent).toEqual(["Bearer old", "Bearer new"]);
});
