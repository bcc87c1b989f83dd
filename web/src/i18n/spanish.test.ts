import { expect, test } from "vitest";

import { djEnglish } from "./en.dj";
import { engineEnglish } from "./en.engine";
import { sheetsEnglish } from "./en.sheets";
import { viewsEnglish } from "./en.views";
import spanish from "./es";

const english: Readonly<Record<string, string>> = { ...engineEnglish, ...viewsEnglish, ...sheetsEnglish, ...djEnglish };
const translated: Readonly<Record<string, string>> = spanish;

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "").sort();

test("Spanish has every key that English has, and no other", () => {
  expect(Object.keys(translated).sort()).toEqual(Object.keys(english).sort());
});

test("every text has the same placeholders in Spanish", () => {
  const named = (texts: Readonly<Record<string, string>>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, placeholders(text)]));
  expect(named(translated)).toEqual(named(english));
});

test("no key is said twice in English", () => {
  const parts = [engineEnglish, viewsEnglish, sheetsEnglish, djEnglish].map((part) => Object.keys(part).length);
  expect(Object.keys(english)).toHaveLength(parts.reduce((sum, count) => sum + count, 0));
});
