/** Sets a title as large as its place allows: a poster with a long title is set smaller and narrower. */

interface Step {
  readonly size: number;
  readonly stretch: number;
  readonly lines: number;
}

const CLAMPED_LEADING = 1.1;

const STEPS: readonly Step[] = [
  { size: 112, stretch: 88, lines: 2 },
  { size: 96, stretch: 84, lines: 2 },
  { size: 80, stretch: 82, lines: 2 },
  { size: 64, stretch: 80, lines: 3 },
  { size: 56, stretch: 78, lines: 3 },
  { size: 48, stretch: 76, lines: 4 },
  { size: 40, stretch: 75, lines: 4 },
];

/** Scripts whose letters stand between the same two lines as Latin ones; others reach higher and lower. */
const LATIN_LIKE = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]*$/u;

/** How far the lines of a title stand apart, in em: posters are set tight, as far as the script allows. */
export function leadingOf(text: string): number {
  return LATIN_LIKE.test(text) ? 0.9 : 1.2;
}

function fits(node: HTMLElement, { size, lines }: Step, leading: number): boolean {
  const allowed = size * leading * lines + 4;
  return node.scrollWidth <= node.clientWidth + 1 && node.scrollHeight <= allowed + size * 0.2;
}

function set(node: HTMLElement, text: string, largest: number, lines: number): void {
  const leading = leadingOf(text);
  const steps = STEPS.filter(({ size }) => size <= largest).map((step) => ({ ...step, lines: Math.min(step.lines, lines) }));
  node.style.overflowWrap = "normal";
  node.style.removeProperty("-webkit-line-clamp");
  node.classList.remove("clamped");
  node.style.lineHeight = String(leading);
  for (const step of steps) {
    node.style.fontSize = `${step.size / 16}rem`;
    node.style.fontStretch = `${step.stretch}%`;
    if (fits(node, step, leading)) return;
  }
  // Longer than any poster: the rest is for those who ask (the `title` of the element).
  node.style.overflowWrap = "anywhere";
  node.style.setProperty("-webkit-line-clamp", String(steps.at(-1)?.lines === 1 ? 2 : (steps.at(-1)?.lines ?? 4)));
  // Wide enough that nothing of the next line shows below the last one.
  node.style.lineHeight = String(Math.max(leading, CLAMPED_LEADING));
  node.classList.add("clamped");
}

/** An attachment: `{@attach fit(title, 112, 3)}`. Runs again when the text, the place or the font changes. */
export function fit(text: string, largest: number, lines: number): (node: HTMLElement) => () => void {
  return (node) => {
    const run = () => set(node, text, largest, lines);
    run();
    let width = node.clientWidth;
    const watch = new ResizeObserver(() => {
      if (node.clientWidth === width) return;
      run();
      // Its own size moves its edge by a pixel or two.
      width = node.clientWidth;
    });
    watch.observe(node);
    let here = true;
    void document.fonts.ready.then(() => here && run());
    return () => {
      here = false;
      watch.disconnect();
    };
  };
}
