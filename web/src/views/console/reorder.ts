/** Where a dragged place of the queue lands: pure arithmetic on a list of equally high rows. */

/** `list` with the item at `from` taken out and put in at `to`. */
export function moved<Item>(list: readonly Item[], from: number, to: number): Item[] {
  const rest = list.filter((_, at) => at !== from);
  const item = list[from];
  if (item !== undefined) rest.splice(to, 0, item);
  return rest;
}

/** The id in front of which the item lands, or null for the end: what `queue:move` takes. */
export function beforeOf(ids: readonly string[], from: number, to: number): string | null {
  return moved(ids, from, to)[to + 1] ?? null;
}

/** The place over which a row hangs that started at `from` and was dragged by `dragged` pixels. */
export function placeOver(from: number, dragged: number, rowHeight: number, count: number): number {
  return Math.min(count - 1, Math.max(0, from + Math.round(dragged / rowHeight)));
}

/** How many rows the row at `at` makes way for one that goes from `from` to `to`: -1, 0 or 1. */
export function shiftOf(at: number, from: number, to: number): number {
  if (at > from && at <= to) return -1;
  return at < from && at >= to ? 1 : 0;
}
