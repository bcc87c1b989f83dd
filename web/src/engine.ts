/** Opens everything the views need. */

import type { Engine } from "./state/model";

/** The page's engine: one per page. Takes an owner link's code from the address and forgets it there. */
export function openEngine(): Engine {
  throw new Error("not built yet");
}
