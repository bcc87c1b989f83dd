import { expect, it } from "vitest";

import type { ChatLine } from "../../state/model";
import { newLinesOf, rowsOf } from "./lines";

function line(key: string, user: string, atMs: number, more: Partial<ChatLine> = {}): ChatLine {
  return {
    key, id: key, user: { id: user, name: user, role: "listener" }, text: key, atMs, replyTo: null, edited: false,
    deleted: false, mine: false, state: "sent", problem: null, ...more,
  };
}

it("names a person once while they go on", () => {
  const rows = rowsOf([line("1", "maya", 0), line("2", "maya", 1_000), line("3", "theo", 2_000)], []);
  expect(rows.map((row) => row.kind === "line" && row.named)).toEqual([true, false, true]);
});

it("names them again after a pause", () => {
  const rows = rowsOf([line("1", "maya", 0), line("2", "maya", 600_000)], []);
  expect(rows.map((row) => row.kind === "line" && row.named)).toEqual([true, true]);
});

it("names a person who took another name", () => {
  const renamed = { ...line("2", "maya", 1_000), user: { id: "maya", name: "Maya K", role: "listener" as const } };
  expect(rowsOf([line("1", "maya", 0), renamed], []).map((row) => row.kind === "line" && row.named)).toEqual([true, true]);
});

it("puts announcements where they happened, and names people anew after them", () => {
  const rows = rowsOf([line("1", "maya", 0), line("2", "maya", 20)], [
    { key: "a", text: "a", atMs: 10 },
    { key: "b", text: "b", atMs: 30 },
  ]);
  expect(rows.map((row) => row.key)).toEqual(["1", "a", "2", "b"]);
  expect(rows[2]).toMatchObject({ named: true });
});

it("reads out what others wrote since, and never history", () => {
  const chat = [line("1", "maya", 0), line("2", "me", 1, { mine: true }), line("3", "theo", 2)];
  expect(newLinesOf(chat, "1").map(({ key }) => key)).toEqual(["3"]);
  expect(newLinesOf(chat, null)).toEqual([]);
  expect(newLinesOf(chat, "gone")).toEqual([]);
});
