import { expect, it } from "vitest";

import { InOrder } from "./in_order";

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function lineOf(most = 100) {
  const handed: string[][] = [];
  const line = new InOrder<string>(async (items) => void handed.push([...items]), most);
  return { handed, line };
}

it("keeps the order of the places, whoever comes first", async () => {
  const { handed, line } = lineOf();
  const [first, second, third] = [line.place(), line.place(), line.place()];
  third.fill("c");
  second.fill("b");
  await settled();
  expect(handed).toEqual([]);
  first.fill("a");
  await settled();
  expect(handed.flat()).toEqual(["a", "b", "c"]);
});

it("does not wait for what will not come, and counts a place once", async () => {
  const { handed, line } = lineOf();
  const [first, second] = [line.place(), line.place()];
  second.fill("b");
  first.leave();
  first.fill("a");
  await settled();
  expect(handed).toEqual([["b"]]);
});

it("hands on no more than it may at once, one after the other", async () => {
  const { handed, line } = lineOf(2);
  const places = ["a", "b", "c"].map((name) => ({ name, place: line.place() }));
  for (const { name, place } of places.toReversed()) place.fill(name);
  await settled();
  expect(handed).toEqual([["a", "b"], ["c"]]);
});
