/** The name under which this tab is a device: a reload stays the same one, a second tab is another. */

import { randomId } from "../realtime/random";
import { tabMemory } from "./storage";

export function deviceId(): string {
  const kept = tabMemory.read("device");
  if (kept !== null) return kept;
  const fresh = randomId();
  tabMemory.write("device", fresh);
  return fresh;
}
