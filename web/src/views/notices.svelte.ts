/** Short words at the foot of the page: what was done, what did not work, and how to take it back. */

import type { Problem } from "../state/model";

const SHOWN_MS = 6_000;

export interface Undo {
  readonly label: string;
  readonly run: () => void;
}

class Notices {
  text = $state<string | null>(null);
  undo = $state<Undo | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(text: string, undo: Undo | null = null): void {
    clearTimeout(this.#timer);
    this.text = text;
    this.undo = undo;
    this.#timer = setTimeout(() => this.clear(), SHOWN_MS);
  }

  clear(): void {
    this.text = null;
    this.undo = null;
  }
}

export const notices = new Notices();

/** The sentence of a rejected command. Whatever is not a `Problem` is a mistake in the page and goes on to the console. */
export function sentenceOf(reason: unknown): string {
  const problem = reason as Partial<Problem> | null;
  if (typeof problem?.message === "string" && typeof problem.code === "string") return problem.message;
  throw reason;
}

/** Runs a command of the engine; when it is refused the person reads why. */
export async function attempt(command: Promise<unknown>): Promise<boolean> {
  try {
    await command;
    return true;
  } catch (reason) {
    notices.show(sentenceOf(reason));
    return false;
  }
}
