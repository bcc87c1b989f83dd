/** What a server says of a file or a folder, in the person's language. Its sentences are English; tables translate them. */

/** An English sentence and its translation; `{name}` stands for whatever the server puts there. */
export type Reasons = readonly (readonly [english: string, translated: string])[];

/** `reason` by the table; as it is when the table does not know it. A path in front, "folder/song.mp3: …", stays. */
export function translated(reason: string, table: Reasons): string {
  for (const [english, wanted] of table) {
    const found = patternOf(english).exec(reason);
    if (found !== null) return filled(wanted, found.groups ?? {}, table);
  }
  const [, path, why] = /^(.+): ([^:]+)$/s.exec(reason) ?? [];
  return path === undefined || why === undefined ? reason : `${path}: ${translated(why, table)}`;
}

function patternOf(english: string): RegExp {
  const parts = english.split(/\{(\w+)\}/).map((part, n) => (n % 2 === 1 ? `(?<${part}>.+)` : part.replace(/[.?()]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`, "s");
}

function filled(wanted: string, groups: Readonly<Record<string, string>>, table: Reasons): string {
  return wanted.replace(/\{(\w+)\}/g, (_, name: string) => translated(groups[name] ?? "", table));
}
