/** Links for others, as the server says that others reach it. */

import { base } from "../base";
import type { Accounts } from "../state/model";

export interface LinkForOthers {
  readonly link: string;
  /** Nobody but this computer can follow it. */
  readonly onlyHere: boolean;
  /** Who is in the same network can. */
  readonly inNetwork: boolean;
}

/**
 * The link for a path of this page (`roomPath(…)`). A server that does not answer leaves what stands in this page's own
 * address: it worked for this browser.
 */
export async function linkTo(accounts: Accounts, path: string): Promise<LinkForOthers> {
  const server = await accounts.server().catch(() => null);
  if (server === null) return { link: new URL(path, location.href).href, onlyHere: false, inNetwork: false };
  const link = `${server.links_base}/${path.slice(base.length)}`;
  return { link, onlyHere: server.reach === "this_computer", inNetwork: server.reach === "network" };
}
