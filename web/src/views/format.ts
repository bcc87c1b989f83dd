/** How figures are written on the page. */

import { currentLanguage } from "../i18n";

/** 71,000 ms → "1:11"; from an hour on "1:01:11". */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** The time of day of a server time, as the person's language writes it. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toLocaleTimeString(currentLanguage(), { hour: "2-digit", minute: "2-digit" });
}

/** 0.624 → "62". */
export function percent(fraction: number): string {
  return String(Math.round(Math.min(1, Math.max(0, fraction)) * 100));
}

/** The day of a server time, as the person's language writes it: "3 December". */
export function dayOf(ms: number): string {
  return new Date(ms).toLocaleDateString(currentLanguage(), { day: "numeric", month: "long" });
}
