/** How long ago something was, in a person's words. */

import { currentLanguage } from "../../i18n";

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** "2 hr. ago", "yesterday"; below a minute "this minute". Clocks that disagree a little do not make a future of it. */
export function ago(thenMs: number, nowMs: number): string {
  const words = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto", style: "short" });
  const past = Math.max(0, nowMs - thenMs);
  const [unit, length] = STEPS.find(([, step]) => past >= step) ?? ["minute", 60_000];
  return words.format(-Math.floor(past / length), unit);
}
