/**
 * The service worker: makes the page quick and says what to do when the server cannot be reached. It never shows an old
 * page: the page itself always comes from the network, and what it loads has its content's hash in the name.
 */

import { kindOf } from "./routes";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build: everything under `assets/`. */
declare const __ASSETS__: readonly string[];

const OFFLINE = "offline.html";
const PREFIX = "whatssound ";
/** The entry's name changes with anything that it loads. */
const CACHE = PREFIX + (__ASSETS__.find((name) => name.startsWith("assets/index-") && name.endsWith(".js")) ?? "");

const place = (path: string): string => new URL(path, self.registration.scope).href;

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(__ASSETS__.map(place));
  await cache.add(new Request(place(OFFLINE), { cache: "reload" }));
  await self.skipWaiting();
}

async function tidy(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

async function kept(path: string | Request): Promise<Response | undefined> {
  return (await caches.open(CACHE)).match(path, { ignoreVary: true });
}

async function page(event: FetchEvent): Promise<Response> {
  try {
    const early = (await event.preloadResponse) as Response | undefined;
    return early ?? (await fetch(event.request));
  } catch {
    return (await kept(place(OFFLINE))) ?? Response.error();
  }
}

async function asset(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", (event) => {
  const kind = kindOf(event.request, self.registration.scope);
  if (kind === "page") event.respondWith(page(event));
  else if (kind === "asset") event.respondWith(asset(event.request));
});
