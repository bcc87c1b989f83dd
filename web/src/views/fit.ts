/** Sets a title as large as its place allows: a poster with a long title is set smaller and narrower. */

interface Step {
  readonly size: number;
  readonly stretch: number;
  readonly lines: number;
}

const STEPS: readonly Step[] = [
  { size: 112, stretch: 88, lines: 2 },
  { size: 96, stretch: 84, lines: 2 },
  { size: 80, stretch: 82, lines: 2 },
  { size: 64, stretch: 80, lines: 3 },
  { size: 56, stretch: 78, lines: 3 },
  { size: 48, stretch: 76, lines: 4 },
  { size: 40, stretch: 75, lines: 4 },
];

function fits(node: HTMLElement, { size, lines }: Step): boolean {
  const allowed = size * 0.9 * lines + 4;
  return node.scrollWidth <= node.clientWidth + 1 && node.scrollHeight <= allowed + size * 0.2;
}

function set(node: HTMLElement, largest: number, lines: number): void {
  const steps = STEPS.filter(({ size }) => size <= largest).map((step) => ({ ...step, lines: Math.min(step.lines, lines) }));
  node.style.overflowWrap = "normal";
  node.style.removeProperty("-webkit-line-clamp");
  node.classList.remove("clamped");
  for (const step of steps) {
    node.style.fontSize = `${step.size / 16}rem`;
    node.style.fontStretch = `${step.stretch}%`;
    if (fits(node, step)) return;
  }
  // Longer than any poster: the rest is for those who ask (the `title` of the element).
  node.style.overflowWrap = "anywhere";
  node.style.setProperty("-webkit-line-clamp", String(steps.at(-1)?.lines === 1 ? 2 : (steps.at(-1)?.lines ?? 4)));
  node.classList.add("clamped");
}

/** An attachment: `{@attach fit(title, 112, 3)}`. Runs again when the text, the place or the font changes. */
export function fit(_text: string, largest: number, lines: number): (node: HTMLElement) => () => void {
  return (node) => {
    const run = () => set(node, largest, lines);
    run();
    let width = node.clientWidth;
    const watch = new ResizeObserver(() => {
      if (node.clientWidth === width) return;
      width = node.clientWidth;
      run();
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
