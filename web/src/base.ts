/** Where the page is served: every address is made from here, so that a sub-path needs one setting. */

/** Ends in a slash: "/", or "/music/" behind a proxy's sub-path. The server writes it into the page's <base>. */
export const base: string = typeof document === "undefined" ? "/" : new URL(".", document.baseURI).pathname;

/** The address of something of the API ("/v1/me"). What the server gives as `hls` or `cover` is used as it comes. */
export function address(path: string): string {
  return base + path.replace(/^\//, "");
}

/** The page of a room. */
export function roomPath(slug: string): string {
  return address(`/r/${encodeURIComponent(slug)}`);
}

/** The slug in `/r/<slug>`, or null on any other page. */
export function slugOf(pathname: string): string | null {
  if (!pathname.startsWith(base)) return null;
  const found = /^r\/([^/]+)\/?$/.exec(pathname.slice(base.length));
  return found?.[1] === undefined ? null : decodeURIComponent(found[1]);
}

/** The socket's endpoint; the phoenix client appends `/websocket`. */
export function socketAddress(location: { protocol: string; host: string }): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${address("/socket")}`;
}
