/** Hands things on in the order in which their places were taken, however late each of them is there. */

/** A place in the line. Only the first call counts. */
export interface Place<Item> {
  fill(item: Item): void;
  /** Nothing comes; those behind need not wait. */
  leave(): void;
}

interface Held<Item> {
  item: Item | null;
  decided: boolean;
}

export class InOrder<Item> {
  private readonly line: Held<Item>[] = [];
  private handing = false;

  /** `hand` gets at most `most` at once, and is called again when it has finished. It must not throw. */
  constructor(
    private readonly hand: (items: readonly Item[]) => Promise<void>,
    private readonly most: number,
  ) {}

  place(): Place<Item> {
    const held: Held<Item> = { item: null, decided: false };
    this.line.push(held);
    const decide = (item: Item | null): void => {
      if (held.decided) return;
      [held.item, held.decided] = [item, true];
      void this.handOn();
    };
    return { fill: (item) => decide(item), leave: () => decide(null) };
  }

  private async handOn(): Promise<void> {
    if (this.handing) return;
    this.handing = true;
    while (this.line[0]?.decided === true) {
      const open = this.line.findIndex(({ decided }) => !decided);
      const front = this.line.splice(0, Math.min(open === -1 ? this.line.length : open, this.most));
      const items = front.flatMap(({ item }) => (item === null ? [] : [item]));
      if (items.length > 0) await this.hand(items);
    }
    this.handing = false;
  }
}
