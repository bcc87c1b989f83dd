/** The name under which this tab is a device: a reload stays the same one, any other tab is another. */

import { randomId } from "../realtime/random";
import type { Memory } from "./storage";

const KEY = "device";

/**
 * Takes the name that this tab had before it was reloaded, or a fresh one. While the page lives the name is nowhere
 * else: a browser copies a tab's memory when the tab is duplicated, and two tabs of one name would both lead.
 */
export function claimDevice(memory: Memory, page: EventTarget): string {
  const name = memory.read(KEY) ?? randomId();
  memory.write(KEY, null);
  page.addEventListener("pagehide", () => memory.write(KEY, name));
  // Back from the browser's cache of whole pages.
  page.addEventListener("pageshow", () => memory.write(KEY, null));
  return name;
}
