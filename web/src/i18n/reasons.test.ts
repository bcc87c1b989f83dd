import { expect, test } from "vitest";

import cache from "../../../src/whatssound/audio/cache.py?raw";
import failures from "../../../src/whatssound/audio/failures.py?raw";
import folder from "../../../src/whatssound/audio/folder.py?raw";
import removal from "../../../src/whatssound/audio/removal.py?raw";
import scan from "../../../src/whatssound/audio/scan.py?raw";
import reading from "../../../src/whatssound/adapters/media/reading.py?raw";
import reasons from "../../../src/whatssound/adapters/media/reasons.py?raw";
import { spanishReasons } from "./es.reasons";
import { translated } from "./reasons";

/** The server's own words, texts that Python joins from two lines included. */
const served = [cache, failures, folder, reading, removal, reasons, scan].join("\n").replace(/"""[^]*?"""/g, "").replace(/"\n\s+f?"/g, "");

/** Whole sentences in quotes, as a person would read them. */
const sentences = [...served.matchAll(/f?"((?:The|This|We|Nothing) [^"]+\.|[^"]+\?)"/g)]
  .map(([, text]) => text ?? "")
  .filter((text) => !text.includes("{"));

test("every whole sentence that the server says of a file or folder has a Spanish one", () => {
  expect(sentences.length).toBeGreaterThan(20);
  expect(sentences.filter((text) => translated(text, spanishReasons) === text)).toEqual([]);
});

test("the table has nothing that the server does not say", () => {
  const said = ([english]: readonly [string, string]): boolean =>
    english.split(/\{\w+\}/).every((part) => served.includes(part) || part === " of ");
  expect(spanishReasons.filter((pair) => !said(pair)).map(([english]) => english)).toEqual([]);
});

test("figures, paths and nested reasons are kept and translated", () => {
  const told = (reason: string): string => translated(reason, spanishReasons);
  expect(told("The file ends too early: only 12 s of 3 min 4 s could be read.")).toBe(
    "El archivo está cortado: solo se han podido leer 12 s de 3 min 4 s.",
  );
  expect(told("Boda/01: intro.mp3: we are not allowed to read it")).toBe("Boda/01: intro.mp3: no tenemos permiso para leerlo");
  expect(told("The folder cannot be read: it is not there (any more).")).toBe("No se puede leer la carpeta: no está (o ya no).");
  expect(told("Something that nobody knows: yet.")).toBe("Something that nobody knows: yet.");
});
