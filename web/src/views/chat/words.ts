/** What a line of chat is made of: words, and addresses that can be followed. Pure. */

export interface Piece {
  readonly text: string;
  /** Set when the piece is an address. */
  readonly href: string | null;
}

/** Up to white space; what closes a sentence or a bracket after it does not belong to it. */
const ADDRESS = /https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]}]/g;

/** Some emoji, with their skin tones and joiners, and nothing else. */
const EMOJI_ONLY = /^(?:(?:\p{Extended_Pictographic}|\p{RI})[\p{EMod}\u200d\ufe0f\u20e3]*\s*){1,12}$/u;

/** The whole text, in order, cut where an address begins and ends. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    if (index > end) pieces.push({ text: text.slice(end, index), href: null });
    pieces.push({ text: address, href: address });
    end = index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** A cheer rather than a sentence: drawn large. */
export function isCheer(text: string): boolean {
  return EMOJI_ONLY.test(text);
}
