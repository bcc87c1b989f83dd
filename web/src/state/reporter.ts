/** Tells the server every few seconds where the DJ's output is; it is the truth for everybody. */

/** Two reports in the same direction move the room, so a lag is put right within about ten seconds. */
const EVERY_MS = 5_000;

export class Reporter {
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly report: () => void) {}

  start(): void {
    this.stop();
    this.timer = setInterval(this.report, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
