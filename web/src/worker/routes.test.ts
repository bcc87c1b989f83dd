import { expect, test } from "vitest";

import { kindOf } from "./routes";

const SCOPE = "https://example.org/music/";

function kind(path: string, change: { method?: string; mode?: string } = {}): string {
  return kindOf({ method: "GET", mode: "navigate", url: SCOPE + path, ...change }, SCOPE);
}

test("the addresses of the page are asked of the network first", () => {
  expect(["", "?x=1", "r/late-night", "r/late-night/", "about-music"].map((path) => kind(path))).toEqual(Array(5).fill("page"));
});

test("files with a hash in their name come from the cache", () => {
  expect(kind("assets/index-abc.js", { mode: "cors" })).toBe("asset");
});

test("the API, the music, the sockets and other sites are left alone", () => {
  for (const path of ["v1/me", "audio/x/128/1.m4s", "socket/websocket", "docs", "metrics", "r/a/b"]) {
    expect(kind(path)).toBe("other");
    expect(kind(path, { mode: "cors" })).toBe("other");
  }
  expect(kind("r/late-night", { method: "POST" })).toBe("other");
  expect(kindOf({ method: "GET", mode: "navigate", url: "https://example.org/" }, SCOPE)).toBe("other");
});
