/**
 * Sends chat lines one after the other, so that they arrive in the order they were written.
 *
 * A line keeps its nonce however often it is sent; the server stores it once. While the room is away lines wait;
 * a passing refusal is tried again after the time it names, a lasting one marks the line as failed.
 */

import { asProblem, type ProblemError } from "../realtime/problem";

export interface OutgoingLine {
  readonly nonce: string;
  readonly text: string;
  readonly reply_to?: string;
}

export interface OutgoingEvents {
  send(line: OutgoingLine): Promise<{ id: string }>;
  acknowledged(nonce: string, id: string): void;
  failed(nonce: string, refusal: ProblemError): void;
}

const MAX_TRIES = 4;
const MAX_WAIT_MS = 10_000;

/** Whoever types faster than the server takes it learns so at the 50th line. */
const MAX_WAITING = 50;

export class Outgoing {
  private readonly waiting: OutgoingLine[] = [];
  private tries = 0;
  private sending = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly events: OutgoingEvents) {}

  /** False when too many lines wait already. */
  add(line: OutgoingLine): boolean {
    if (this.waiting.length >= MAX_WAITING) return false;
    this.waiting.push(line);
    void this.next();
    return true;
  }

  /** The room is back: what waits is sent. */
  resume(): void {
    clearTimeout(this.timer);
    void this.next();
  }

  remove(nonce: string): void {
    const index = this.waiting.findIndex((line) => line.nonce === nonce);
    if (index >= 0) this.waiting.splice(index, 1);
  }

  private async next(): Promise<void> {
    const line = this.waiting[0];
    if (line === undefined || this.sending) return;
    this.sending = true;
    let waitMs: number | null = 0;
    try {
      const { id } = await this.events.send(line);
      this.done(line);
      this.events.acknowledged(line.nonce, id);
    } catch (thrown) {
      waitMs = this.waitAfter(line, asProblem(thrown));
    }
    this.sending = false;
    if (waitMs === 0) void this.next();
    else if (waitMs !== null) this.timer = setTimeout(() => void this.next(), waitMs);
  }

  /** How long to wait before the next line; null until the room is back. */
  private waitAfter(line: OutgoingLine, refusal: ProblemError): number | null {
    if (refusal.code === "offline") return null;
    this.tries += 1;
    const waitMs = refusal.retryAfterMs ?? 500 * 2 ** this.tries;
    if (refusal.passing && this.tries < MAX_TRIES && waitMs <= MAX_WAIT_MS) return waitMs;
    this.done(line);
    this.events.failed(line.nonce, refusal);
    return 0;
  }

  private done(line: OutgoingLine): void {
    this.tries = 0;
    this.remove(line.nonce);
  }
}
