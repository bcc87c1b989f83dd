/**
 * Every string a person reads, by key and language. English is complete; another language is a `Partial` of it and
 * falls back key by key. Add one to `languages` (for example `es: () => import("./es")`).
 */

import { engineEnglish } from "./en.engine";
import { viewsEnglish } from "./en.views";

const english = { ...engineEnglish, ...viewsEnglish } as const;
type English = typeof english;

export type Key = keyof English;
export type Translation = Readonly<Partial<Record<Key, string>>>;

/** Keys with a `.one` and `.other` form, without that ending. */
export type PluralKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;
type Values<K extends Key> = Record<Placeholder<English[K]>, string | number>;
type Arguments<K extends Key> = [Placeholder<English[K]>] extends [never] ? [] : [values: Values<K>];

/** Loaders of the languages other than English, by primary subtag. */
const languages: Readonly<Record<string, () => Promise<{ default: Translation }>>> = {};

let language = "en";
let table: Translation = english;
let plurals = new Intl.PluralRules("en");

/** The language in use, as a BCP 47 tag; for `<html lang>` and `Intl`. */
export function currentLanguage(): string {
  return language;
}

/** The first of the person's languages that the page has, English otherwise. Call it before the first drawing. */
export async function chooseLanguage(wanted: readonly string[]): Promise<void> {
  for (const tag of wanted) {
    const primary = tag.split("-")[0]?.toLowerCase() ?? "";
    if (primary === "en") return use(tag, english);
    const load = languages[primary];
    if (load !== undefined) return use(tag, (await load()).default);
  }
}

function use(tag: string, translation: Translation): void {
  language = tag;
  table = translation;
  plurals = new Intl.PluralRules(tag);
}

function fill(template: string, values: Record<string, string | number> | undefined): string {
  if (values === undefined) return template;
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The sentence for `key`, its placeholders filled: `t("chat.reply", { name })`. */
export function t<K extends Key>(key: K, ...args: Arguments<K>): string {
  return fill(table[key] ?? english[key], args[0] as Record<string, string | number> | undefined);
}

/** The sentence for a number of things: `tn("listeners", 3)`. `{count}` is filled with the formatted number. */
export function tn(key: PluralKey, count: number, values: Record<string, string | number> = {}): string {
  const form = `${key}.${plurals.select(count)}`;
  const texts: Record<string, string | undefined> = { ...english, ...table };
  const template = texts[form] ?? texts[`${key}.other`] ?? key;
  return fill(template, { count: count.toLocaleString(language), ...values });
}

/** The sentence for an error code, or null when the page has none of its own. */
export function errorSentence(code: string): string | null {
  const texts: Record<string, string | undefined> = { ...english, ...table };
  return texts[`error.${code}`] ?? null;
}
