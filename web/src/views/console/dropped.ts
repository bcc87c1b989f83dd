/** What was dropped or chosen: files as they are, folders with all the music in them, in the order of names. */

/** As `whatssound.audio.folder`: what counts as music by its name. */
const MUSIC = new Set(
  (
    "mp3 flac ogg oga opus m4a m4b mp4 aac wav wave aif aiff aifc " + "wma ape wv mpc tta tak caf mka webm dsf ac3 au"
  ).split(" "),
);

/** What one drop may bring; a whole collection belongs into a library folder of the server. */
export const MOST_FILES = 5_000;

export interface Found {
  readonly files: readonly File[];
  /** Files in folders that are no music, or too many. */
  readonly ignored: number;
}

/** Whether a file found in a folder is worth sending. macOS leaves a `._` twin beside every file on foreign disks. */
export function isMusic(name: string): boolean {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  return !name.startsWith(".") && MUSIC.has(ending);
}

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Call it inside the event: afterwards the items are gone. */
export function entriesOf(transfer: DataTransfer | null): readonly FileSystemEntry[] {
  return [...(transfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
}

/** Everything in what was dropped. A file that was dropped itself is taken whatever it is: the server says what it is not. */
export async function filesIn(entries: readonly FileSystemEntry[]): Promise<Found> {
  const found = { files: [] as File[], ignored: 0 };
  for (const entry of inOrder(entries)) {
    if (isFile(entry)) found.files.push(await fileOf(entry));
    else await walk(entry as FileSystemDirectoryEntry, found);
  }
  return found;
}

async function walk(folder: FileSystemDirectoryEntry, found: { files: File[]; ignored: number }): Promise<void> {
  for (const entry of inOrder(await entriesIn(folder))) {
    if (!isFile(entry)) await walk(entry as FileSystemDirectoryEntry, found);
    else if (isMusic(entry.name) && found.files.length < MOST_FILES) found.files.push(await fileOf(entry));
    else found.ignored += 1;
  }
}

/** From an input with `webkitdirectory`: one flat list, which knows its paths. */
export function filesChosen(files: readonly File[]): Found {
  const music = files.filter(({ name }) => isMusic(name));
  music.sort((a, b) => byPath(a.webkitRelativePath, b.webkitRelativePath));
  const taken = music.slice(0, MOST_FILES);
  return { files: taken, ignored: files.length - taken.length };
}

/** As the walk goes: folder by folder, names with numbers as people count. */
export function byPath(one: string, other: string): number {
  const [a, b] = [one.split("/"), other.split("/")];
  const at = a.findIndex((part, place) => part !== b[place]);
  return at === -1 ? a.length - b.length : byName.compare(a[at] ?? "", b[at] ?? "");
}

function inOrder(entries: readonly FileSystemEntry[]): FileSystemEntry[] {
  return [...entries].sort((a, b) => byName.compare(a.name, b.name));
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** A reader gives a hundred at a time, and nothing when it is done. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
