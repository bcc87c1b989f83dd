/** What the worker may answer. Pure. */

/** `page`: one of the addresses that show the page · `asset`: a file with a hash in its name · `other`: none of its business. */
export type Kind = "page" | "asset" | "other";

/**
 * What a request is for. `scope` is where the worker lives, ending in a slash. The API, the music, the socket and
 * everything of another site are `other`.
 */
export function kindOf(request: { readonly method: string; readonly mode: string; readonly url: string }, scope: string): Kind {
  if (request.method !== "GET" || !request.url.startsWith(scope)) return "other";
  const path = request.url.slice(scope.length).split(/[?#]/, 1)[0] ?? "";
  if (request.mode === "navigate") return path === "" || path === "about-music" || /^r\/[^/]+\/?$/.test(path) ? "page" : "other";
  return path.startsWith("assets/") ? "asset" : "other";
}
