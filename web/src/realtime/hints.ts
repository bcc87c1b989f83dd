/**
 * When the server asks to come back. Whoever is sent away together with others is told a moment of their own: in the
 * reason of the close frame, as `restart retry_after_ms=420`.
 */

const LONGEST_MS = 30_000;
const HINT = / retry_after_ms=(\d{1,7})$/;

/** What a close frame's reason asks to wait, or null. */
export function hintMs(reason: string): number | null {
  const found = HINT.exec(reason);
  return found === null ? null : Math.min(Number(found[1]), LONGEST_MS);
}

/** The newest hint, until its moment has come. */
export class ReturnHint {
  private atMs = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Takes the hint out of a close frame's reason, if there is one. */
  read(reason: string): void {
    this.atMs = this.now() + (hintMs(reason) ?? 0);
  }

  /** How long to wait still. */
  leftMs(): number {
    return Math.max(0, this.atMs - this.now());
  }
}

/** A WebSocket that tells the reason it was closed with before anybody else hears of the close. */
export function hearingReasons(transport: typeof WebSocket, told: (reason: string) => void): typeof WebSocket {
  return class extends transport {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols);
      this.addEventListener("close", (event) => told(event.reason));
    }
  };
}
