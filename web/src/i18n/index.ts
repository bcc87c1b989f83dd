/**
 * Every string a person reads, by key and language. English is complete and always there; another language is loaded
 * when it is wanted. Add one to `languages` and `loaders`.
 */

import type { djEnglish } from "./en.dj";
import { engineEnglish } from "./en.engine";
import type { sheetsEnglish } from "./en.sheets";
import { viewsEnglish } from "./en.views";
import { translated, type Reasons } from "./reasons";

const first = { ...engineEnglish, ...viewsEnglish } as const;
type English = typeof first & typeof sheetsEnglish & typeof djEnglish;

/** Grows as the parts of the page arrive that say more. */
const english: Record<string, string> = { ...first };

export type Key = keyof English;
export type Translation = Readonly<Record<Key, string>>;

/** Keys with a `.one` and `.other` form, without that ending. */
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;
type Values<K extends Key> = Record<Placeholder<English[K]>, string | number>;
type Arguments<K extends Key> = [Placeholder<English[K]>] extends [never] ? [] : [values: Values<K>];

/** What one may choose, each called by its own name; by primary subtag. */
export const languages = { en: "English", es: "Español" } as const;
export type Language = keyof typeof languages;

const loaders: Readonly<Record<Exclude<Language, "en">, () => Promise<{ default: Translation; reasons: Reasons }>>> = {
  es: () => import("./es"),
};

let tag = "en";
let table: Readonly<Record<string, string>> = english;
let reasons: Reasons = [];
let plurals = new Intl.PluralRules("en");
let read: () => void = () => undefined;

/** The language in use, as a BCP 47 tag with the person's region; for `<html lang>` and `Intl`. */
export function currentLanguage(): string {
  read();
  return tag;
}

/** The language in use, as one of those that may be chosen. */
export function chosenLanguage(): Language {
  return languageOf(currentLanguage()) ?? "en";
}

/** Whether what the server writes can be read as it is. */
export function inEnglish(): boolean {
  return languageOf(tag) === "en";
}

/** 1,240,000,000 → "1.2 GB", in units of 1,000 as disks are sold and settings are written. Never less than megabytes. */
export function bytesOf(bytes: number): string {
  const units = ["megabyte", "gigabyte", "terabyte"] as const;
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3) - 2));
  const format = { style: "unit", unit: units[step] ?? "megabyte", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(currentLanguage(), format).format(bytes / 1000 ** (step + 2));
}

/** `hook` runs whenever a text is taken: a framework notes there who must be drawn again after a change. */
export function whenRead(hook: () => void): void {
  read = hook;
}

/** The first of the person's languages that the page has, English otherwise. Call it before the first drawing. */
export async function chooseLanguage(wanted: readonly string[]): Promise<void> {
  for (const one of wanted) {
    const known = languageOf(one);
    if (known !== null) return use(one, known);
  }
}

function languageOf(one: string): Language | null {
  const primary = one.split("-")[0]?.toLowerCase() ?? "";
  return primary in languages ? (primary as Language) : null;
}

/** A language that cannot be loaded leaves everything as it is. */
async function use(wanted: string, known: Language): Promise<void> {
  const loaded = known === "en" ? { default: english, reasons: [] } : await loaders[known]().catch(() => null);
  if (loaded === null) return;
  tag = wanted;
  table = loaded.default;
  reasons = loaded.reasons;
  plurals = new Intl.PluralRules(wanted);
}

/** English texts of a part that is loaded later; `en.dj.ts` and `en.sheets.ts` bring themselves in by this. */
export function alsoEnglish(texts: Readonly<Record<string, string>>): void {
  Object.assign(english, texts);
}

function fill(template: string, values: Record<string, string | number> | undefined): string {
  if (values === undefined) return template;
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The sentence for `key`, its placeholders filled: `t("chat.reply", { name })`. */
export function t<K extends Key>(key: K, ...args: Arguments<K>): string {
  read();
  return fill(table[key] ?? key, args[0] as Record<string, string | number> | undefined);
}

/** The sentence for a number of things: `tn("listeners", 3)`. `{count}` is filled with the formatted number. */
export function tn(key: PluralKey, count: number, values: Record<string, string | number> = {}): string {
  read();
  const template = table[`${key}.${plurals.select(count)}`] ?? table[`${key}.other`] ?? key;
  return fill(template, { count: count.toLocaleString(tag), ...values });
}

/** What the server said of a file or folder, in the person's language where the page knows that sentence. */
export function saidByServer(reason: string): string {
  read();
  return translated(reason, reasons);
}

/** The sentence for an error code, or null when the page has none of its own. */
export function errorSentence(code: string): string | null {
  return table[`error.${code}`] ?? null;
}
