import { expect, it } from "vitest";

import { isCheer, piecesOf } from "./words";

it("finds addresses and leaves the sentence around them alone", () => {
  expect(piecesOf("see https://a.example/x?y=1 (or http://b.example/z).")).toEqual([
    { text: "see ", href: null },
    { text: "https://a.example/x?y=1", href: "https://a.example/x?y=1" },
    { text: " (or ", href: null },
    { text: "http://b.example/z", href: "http://b.example/z" },
    { text: ").", href: null },
  ]);
});

it("follows nothing but web addresses", () => {
  for (const text of ["javascript:alert(1)", "ftp://a.example", "a.example", "https://", "plain"]) {
    expect(piecesOf(text)).toEqual([{ text, href: null }]);
  }
});

it("loses no character", () => {
  for (const text of ["", "https://a.example", "x\nhttps://a.example\ny", "https://a.example,https://b.example"]) {
    expect(piecesOf(text).map((piece) => piece.text).join("")).toBe(text);
  }
});

it("knows a cheer from a sentence", () => {
  for (const text of ["🔥🔥🔥", "❤️‍🔥", "👏🏽 👏🏽", "🇨🇱", "🤘"]) expect(isCheer(text)).toBe(true);
  for (const text of ["ok 🔥", "123", "#", "", "🔥!"]) expect(isCheer(text)).toBe(false);
});
