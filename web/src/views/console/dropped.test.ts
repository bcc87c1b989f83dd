import { expect, it } from "vitest";

import { byPath, filesChosen, filesIn, isMusic } from "./dropped";

interface Tree {
  readonly [name: string]: Tree | "file";
}

/** A folder as a drop shows it: its reader gives two entries at a time. */
function entries(tree: Tree): FileSystemEntry[] {
  return Object.entries(tree).map(([name, inside]) => (inside === "file" ? fileEntry(name) : folderEntry(name, inside)));
}

function fileEntry(name: string): FileSystemEntry {
  const entry = { name, isFile: true, isDirectory: false, file: (done: (file: File) => void) => done(new File(["x"], name)) };
  return entry as unknown as FileSystemEntry;
}

function folderEntry(name: string, inside: Tree): FileSystemEntry {
  const createReader = (): unknown => {
    const left = entries(inside);
    return { readEntries: (done: (some: FileSystemEntry[]) => void) => done(left.splice(0, 2)) };
  };
  return { name, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

const names = (files: readonly File[]): string[] => files.map(({ name }) => name);

it("finds all the music of a folder in the order of names, and counts the rest", async () => {
  const album: Tree = {
    "10 Last.mp3": "file",
    "2 Second.flac": "file",
    "cover.jpg": "file",
    "1 First.mp3": "file",
    "bonus": { "b.ogg": "file", "._b.ogg": "file", "a.ogg": "file" },
  };
  const found = await filesIn(entries({ Album: album }));
  expect(names(found.files)).toEqual(["1 First.mp3", "2 Second.flac", "10 Last.mp3", "a.ogg", "b.ogg"]);
  expect(found.ignored).toBe(2);
});

it("takes a file that was dropped itself, whatever it is", async () => {
  const found = await filesIn(entries({ "list.txt": "file" }));
  expect(names(found.files)).toEqual(["list.txt"]);
});

it("puts a chosen folder's flat list into the same order", () => {
  const file = (path: string): File => {
    const made = new File(["x"], path.split("/").at(-1) ?? "");
    return Object.defineProperty(made, "webkitRelativePath", { value: path });
  };
  const found = filesChosen([file("a/10.mp3"), file("a/9.mp3"), file("a/B/1.mp3"), file("a/x.txt")]);
  expect(names(found.files)).toEqual(["9.mp3", "10.mp3", "1.mp3"]);
  expect(found.ignored).toBe(1);
  expect(byPath("a/b", "a/b")).toBe(0);
});

it("knows music by the end of its name", () => {
  expect(["A.MP3", "b.flac", "c.m4a"].every(isMusic)).toBe(true);
  expect([".mp3", "mp3", "cover.jpg", "._a.mp3"].some(isMusic)).toBe(false);
});
