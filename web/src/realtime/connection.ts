/** The page's one socket: the official Phoenix client, kept alive also while the page is hidden. */

import { Socket } from "phoenix";
import { ReturnHint, hearingReasons } from "./hints";

/** Waits before the next try; halved to doubled by chance, so that a restart is not met by everybody at once. */
const RECONNECT_MS = [50, 150, 300, 600, 1_000, 2_000, 4_000];
const REJOIN_MS = [300, 1_000, 2_000, 5_000];

/** A hidden page that plays music must come back by itself; the Phoenix client waits until it is shown. */
const HIDDEN_CHECK_MS = 4_000;

/** The `tries`-th wait of `steps`, scattered by `chance` (0 … 1). */
export function backOffMs(steps: readonly number[], tries: number, chance: number): number {
  const step = steps[Math.min(tries, steps.length) - 1] ?? 1_000;
  return Math.round(step * (0.5 + chance * 1.5));
}

export class Connection {
  readonly socket: Socket;
  private readonly watch: ReturnType<typeof setInterval>;
  private readonly hint = new ReturnHint();
  private readonly online = (): void => this.again();

  constructor(address: string) {
    this.socket = new Socket(address, {
      transport: hearingReasons(WebSocket, (reason) => this.hint.read(reason)),
      reconnectAfterMs: (tries) => Math.max(backOffMs(RECONNECT_MS, tries, Math.random()), this.hint.leftMs()),
      rejoinAfterMs: (tries) => backOffMs(REJOIN_MS, tries, Math.random()),
      heartbeatIntervalMs: 25_000,
      timeout: 10_000,
    });
    this.socket.connect();
    window.addEventListener("online", this.online);
    this.watch = setInterval(() => {
      if (document.visibilityState === "hidden") this.again();
    }, HIDDEN_CHECK_MS);
  }

  close(): void {
    window.removeEventListener("online", this.online);
    clearInterval(this.watch);
    this.socket.disconnect();
  }

  private again(): void {
    const state = this.socket.connectionState();
    if (state === "open" || state === "connecting" || this.hint.leftMs() > 0) return;
    this.socket.disconnect();
    this.socket.connect();
  }
}
