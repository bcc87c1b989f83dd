/** What is wrong with the sound, and when it is tried again. */

import { problem } from "../realtime/problem";
import type { Problem } from "../state/model";
import type { SourceProblem } from "./source";

const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

export class Trouble {
  current: Problem | null = null;
  /** The entry that cannot be played at all; another one may. */
  hopelessEntry: string | null = null;
  /** Server time before which nothing is loaded; 0 while nothing is waited for. */
  retryAtMs = 0;
  private failures = 0;

  get kind(): "none" | "passing" | "lasting" {
    if (this.current === null) return "none";
    return this.retryAtMs > 0 ? "passing" : "lasting";
  }

  clear(): void {
    this.current = null;
    this.hopelessEntry = null;
    this.retryAtMs = 0;
    this.failures = 0;
  }

  /** The line failed: try again after a growing time. */
  later(nowMs: number): void {
    this.current = problem("audio_network");
    this.retryAtMs = nowMs + (RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 15_000);
    this.failures += 1;
  }

  /** Asking for a fresh signature has not become a habit yet. */
  mayRenew(): boolean {
    this.failures += 1;
    return this.failures <= RETRY_MS.length;
  }

  /** Trying again would not help. */
  hopeless(kind: SourceProblem, entryId: string | null): void {
    this.retryAtMs = 0;
    this.current = problem(codeOf(kind));
    this.hopelessEntry = kind === "player_load" ? null : entryId;
  }
}

function codeOf(kind: SourceProblem): string {
  if (kind === "player_load") return "player_load";
  return kind === "missing" ? "audio_missing" : "audio_unplayable";
}
