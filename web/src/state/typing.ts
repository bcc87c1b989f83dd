/** Who is writing: names that fade by themselves, because nobody says that they stopped. */

import type { User } from "./wire";

const SHOWN_MS = 4_000;
const SENT_EVERY_MS = 3_000;

/** More names than this say "several people" anyway. */
const MAX_NAMES = 8;

export class Typing {
  private readonly writers = new Map<string, { name: string; timer: ReturnType<typeof setTimeout> }>();
  private sentMs = Number.NEGATIVE_INFINITY;
  names: readonly string[] = [];

  constructor(private readonly changed: () => void) {}

  heard(user: User): void {
    if (this.writers.size >= MAX_NAMES && !this.writers.has(user.id)) return;
    clearTimeout(this.writers.get(user.id)?.timer);
    const timer = setTimeout(() => this.stopped(user.id), SHOWN_MS);
    this.writers.set(user.id, { name: user.name, timer });
    this.update();
  }

  /** A line arrived, or time has passed. */
  stopped(userId: string): void {
    clearTimeout(this.writers.get(userId)?.timer);
    if (this.writers.delete(userId)) this.update();
  }

  /** Whether to tell the others now that this person is writing. */
  shouldSend(nowMs: number): boolean {
    if (nowMs - this.sentMs < SENT_EVERY_MS) return false;
    this.sentMs = nowMs;
    return true;
  }

  clear(): void {
    for (const { timer } of this.writers.values()) clearTimeout(timer);
    this.writers.clear();
    this.update();
  }

  private update(): void {
    const names = [...this.writers.values()].map((writer) => writer.name);
    if (names.join("\n") === this.names.join("\n")) return;
    this.names = names;
    this.changed();
  }
}
