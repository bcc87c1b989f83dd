/** Opens everything the views need. */

import { socketAddress } from "./base";
import { Connection } from "./realtime/connection";
import { Http } from "./realtime/http";
import { BrowserAccounts } from "./state/accounts";
import { OpenHome } from "./state/home";
import { BrowserLibrary } from "./state/library";
import type { Desk, Engine, Room } from "./state/model";
import { OpenRoom } from "./state/room";
import { BrowserSession } from "./state/session";
import { tabMemory } from "./state/storage";
import { Tab } from "./state/tab";

type Probe = ReturnType<OpenRoom["probe"]>;

declare global {
  interface Window {
    /** For tests and measurements: position and server time of the open room, read in one task. */
    whatssound?: { probe(): Probe | null };
  }
}

/** The page's engine: one per page. Takes an owner link's code from the address and forgets it there. */
export function openEngine(): Engine {
  const session = new BrowserSession();
  const http = new Http(session);
  const accounts = new BrowserAccounts(http, session);
  const library = new BrowserLibrary(http);
  const tab = new Tab(tabMemory, window);
  let connection: Connection | null = null;
  let present: OpenRoom | null = null;
  let desk: Promise<Desk> | null = null;
  window.whatssound = { probe: () => present?.probe() ?? null };
  takeOwnerCode(session);
  return {
    session,
    accounts,
    library,
    desk() {
      desk ??= import("./state/desk").then(({ openDesk }) => openDesk(http, session));
      // A load that failed is tried again by the next who asks.
      desk.catch(() => (desk = null));
      return desk;
    },
    home: () => new OpenHome(http, session, accounts),
    room(slug: string): Room {
      // Opened before anything else is known, so that the first join finds a socket.
      connection ??= new Connection(socketAddress(location));
      present = new OpenRoom(slug, { socket: connection.socket, http, session, tab });
      return present;
    },
  };
}

/** `/#owner=<code>`: the code works once and must not stay in the history. */
function takeOwnerCode(session: BrowserSession): void {
  const code = new URLSearchParams(location.hash.slice(1)).get("owner");
  if (code === null) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  // A used code shows as the session's `problem`.
  session.becomeOwner(code).catch(() => undefined);
}
