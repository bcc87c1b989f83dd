/** A set as something to paste or to open in a table: pure text. */

import type { Play } from "../../state/model";

const two = (value: number): string => String(value).padStart(2, "0");

function called({ track }: Play): string {
  return track.artist === null || track.artist === "" ? track.title : `${track.artist} – ${track.title}`;
}

/** One line a track, oldest first: "21:04 Kolme – Night Bus". `plays` come newest first, times are the reader's. */
export function asText(title: string, plays: readonly Play[]): string {
  const lines = plays.toReversed().map((play) => {
    const at = new Date(play.started_ms);
    return `${two(at.getHours())}:${two(at.getMinutes())} ${called(play)}`;
  });
  return [title, "", ...lines, ""].join("\n");
}

const COLUMNS = ["started", "ended", "title", "artist", "album", "added_by"] as const;

/** A table (RFC 4180), oldest first, times in UTC. */
export function asTable(plays: readonly Play[]): string {
  const rows = plays.toReversed().map(({ started_ms, ended_ms, track, added_by }) => [
    new Date(started_ms).toISOString(),
    ended_ms == null ? "" : new Date(ended_ms).toISOString(),
    track.title,
    track.artist ?? "",
    track.album ?? "",
    added_by?.name ?? "",
  ]);
  return [COLUMNS, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** A title that begins like a formula must not become one in somebody's spreadsheet. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
