/** A long list of the server's, page by page. */

import { sentenceOf } from "../notices.svelte";

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly total: number;
  readonly next: string | null;
}

export class Listing<Item> {
  /** Null until the first answer. */
  items = $state.raw<readonly Item[] | null>(null);
  total = $state(0);
  problem = $state<string | null>(null);
  #next = $state<string | null>(null);
  #ask: (cursor: string | null) => Promise<Page<Item>>;
  #asking = 0;
  #busy = false;

  constructor(ask: (cursor: string | null) => Promise<Page<Item>>) {
    this.#ask = ask;
  }

  get more(): boolean {
    return this.#next !== null;
  }

  /** From the start again, one page; what is shown stays until the answer is there. */
  refresh(): Promise<void> {
    return this.#load(null);
  }

  /** The next page, unless it is on its way. */
  async further(): Promise<void> {
    if (!this.#busy && this.#next !== null) await this.#load(this.#next);
  }

  /** The same again, as far as it was shown: what changed on the server shows, and nobody loses their place. */
  async renew(): Promise<void> {
    const shown = this.items?.length ?? 0;
    await this.refresh();
    while (this.more && (this.items?.length ?? 0) < shown && this.problem === null) await this.further();
  }

  drop(gone: (item: Item) => boolean): void {
    const left = this.items?.filter((item) => !gone(item)) ?? null;
    this.total -= (this.items?.length ?? 0) - (left?.length ?? 0);
    this.items = left;
  }

  async #load(from: string | null): Promise<void> {
    const mine = (this.#asking += 1);
    this.#busy = true;
    try {
      const page = await this.#ask(from);
      if (mine !== this.#asking) return;
      this.items = from === null ? page.items : [...(this.items ?? []), ...page.items];
      [this.total, this.#next, this.problem] = [page.total, page.next, null];
    } catch (reason) {
      if (mine === this.#asking) this.problem = sentenceOf(reason);
    } finally {
      if (mine === this.#asking) this.#busy = false;
    }
  }
}
