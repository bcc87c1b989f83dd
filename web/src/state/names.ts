/** Friendly names for guests who were not asked for one; they can change it later. */

const FIRST = [
  "Amber", "Brisk", "Cosmic", "Dusty", "Electric", "Fuzzy", "Golden", "Hazy", "Indigo", "Jolly", "Kindred", "Lunar",
  "Mellow", "Neon", "Opal", "Polar", "Quiet", "Rosy", "Silver", "Tidal", "Umber", "Velvet", "Warm", "Zesty",
] as const;

const SECOND = [
  "Badger", "Condor", "Dolphin", "Egret", "Falcon", "Gecko", "Heron", "Ibis", "Jackdaw", "Koala", "Lark", "Marmot",
  "Newt", "Otter", "Puffin", "Quail", "Robin", "Sparrow", "Tapir", "Urchin", "Vole", "Wombat", "Yak", "Zebra",
] as const;

/** Two words, for example "Velvet Otter". The server adds a number when somebody has it already. */
export function friendlyName(below: (count: number) => number): string {
  return `${FIRST[below(FIRST.length)]} ${SECOND[below(SECOND.length)]}`;
}
