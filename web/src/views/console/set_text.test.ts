import { expect, it } from "vitest";

import { track } from "../../state/fixtures";
import type { Play } from "../../state/model";
import { fileName } from "./saver";
import { asTable, asText } from "./set_text";

const play = (title: string, artist: string | null, started_ms: number): Play => ({
  id: title,
  track: { ...track("1", 60_000), title, artist },
  started_ms,
  ended_ms: started_ms + 60_000,
  added_by: null,
});

it("is written in the order in which it was played", () => {
  const at = new Date(2026, 4, 1, 21, 4).getTime();
  const text = asText("Friday", [play("Second", null, at + 3 * 60_000), play("First", "Kolme", at)]);
  expect(text).toBe("Friday\n\n21:04 Kolme – First\n21:07 Second\n");
});

it("is a table that no spreadsheet reads as a formula", () => {
  const table = asTable([play('=SUM("a",1)', "A, B", 0)]);
  expect(table).toBe(
    "started,ended,title,artist,album,added_by\r\n" +
      `1970-01-01T00:00:00.000Z,1970-01-01T00:01:00.000Z,"'=SUM(""a"",1)","A, B",,\r\n`,
  );
});

it("is saved under a name that every system takes", () => {
  expect(fileName('AC/DC: "Live"?', "ogg")).toBe("AC DC Live.ogg");
  expect(fileName("...", "txt")).toBe("WhatsSound.txt");
});
