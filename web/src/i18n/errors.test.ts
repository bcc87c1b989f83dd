import { afterAll, expect, test } from "vitest";

import table from "../../../src/whatssound/wire/errors.py?raw";
import { refused } from "../realtime/problem";
import { chooseLanguage, errorSentence } from ".";

const codes = [...table.matchAll(/^ {4}"(\w+)": Verdict/gm)].map(([, code]) => code ?? "");

afterAll(() => chooseLanguage(["en"]));

test.each(["en", "es"])("the page has a sentence for every code of the server's table, in %s", async (language) => {
  await chooseLanguage([language]);
  expect(codes.length).toBeGreaterThan(15);
  expect(codes.filter((code) => errorSentence(code) === null)).toEqual([]);
});

test("what the server names exactly is kept, introduced in the person's language", async () => {
  const body = { code: "conflict", message: "Another person is called Ana." };
  await chooseLanguage(["en"]);
  expect(refused(body).message).toBe(body.message);
  await chooseLanguage(["es"]);
  expect(refused(body).message).toMatch(/^El servidor lo ha rechazado.*«Another person is called Ana\.»$/);
});

test("a full quota is told in figures", async () => {
  await chooseLanguage(["es-ES"]);
  const details = { quota_bytes: 10 * 1000 ** 3, used_bytes: 9.9 * 1000 ** 3 };
  expect(refused({ code: "too_large", message: "…", details }).message).toContain("9,9 GB de los 10 GB");
});
