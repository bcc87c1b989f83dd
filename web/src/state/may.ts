/** What somebody may do on this server, by what it said of their account. */

import type { Account, Action } from "./wire";

/** Nobody yet may do nothing that needs an account; who is made a guest then learns what guests may. */
export function mayDo(account: Account | null, action: Action): boolean {
  return account?.may.includes(action) ?? false;
}
