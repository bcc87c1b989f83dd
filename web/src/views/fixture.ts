/** An engine without a server, for designing the views: `?fixture=<state>`. Not in the built page. */
import type {
  ChatLine, Engine, Entry, Home, HomeView, Library, Readable, Room, RoomView, Session, SessionView, Track, TrackBody, Upload,
} from "../state/model";

function value<T>(initial: T): Readable<T> & { set(next: T): void; patch(part: Partial<T>): void } {
  let now = initial;
  const all = new Set<(v: T) => void>();
  const set = (next: T) => { now = next; for (const f of all) f(now); };
  return {
    get: () => now,
    subscribe(f) { all.add(f); f(now); return () => all.delete(f); },
    set,
    patch: (part) => set({ ...now, ...part }),
  };
}

const noor = { id: "1", name: "Noor", role: "dj" as const };
const track = (id: string, title: string, artist: string, duration_ms: number): Track => ({ id, title, artist, album: null, duration_ms, cover: null, hls: null });
const tracks = [
  track("101", "Amber Harbour", "Field Notes", 221_000),
  track("102", "Slow Tide", "Field Notes", 250_000),
  track("103", "Paper Lanterns", "Aiko Mori", 208_000),
  track("104", "Green Hours", "The Allotment", 302_000),
  track("105", "Rosa de Noche", "Inés Vidal", 224_000),
  track("106", "Symphony No. 9 in D minor, Op. 125 “Choral”: IV. Presto – Allegro assai", "Berliner Philharmoniker", 1_465_000),
  track("107", "Wheat", "Field Notes", 178_000),
  track("108", "Northern Line", "Kestrel", 260_000),
];
const entries = (list: Track[]): Entry[] => list.map((t) => ({ id: `e${t.id}`, track: t, added_by: noor }));

function peaksOf(t: Track): number[] {
  let seed = Number(t.id) * 7919;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const n = Math.round(t.duration_ms / 10);
  return Array.from({ length: n }, (_, i) => {
    const u = i / n;
    const part = u < 0.08 ? 0.3 + u * 4 : u < 0.3 ? 0.66 : u < 0.52 ? 0.86 : u < 0.62 ? 0.45 : u < 0.9 ? 0.95 : (0.95 * (1 - u)) / 0.1;
    const beat = Math.exp(-((i % 50) / 16));
    return Math.round(255 * part * (0.55 + 0.3 * beat + 0.15 * random()));
  });
}

export function openFixture(query: URLSearchParams): Engine {
  const kind = query.get("fixture") ?? "";
  const dj = kind.startsWith("dj");
  const start = Date.now() - 72_000;
  const current = tracks[Number(query.get("track") ?? 0)] ?? null;
  const silent = kind.includes("silent");
  const person = (id: string, name: string) => ({ id, name, role: "listener" as const });
  let n = 0;
  const line = (user: { id: string; name: string; role: "listener" | "dj" }, text: string, more: Partial<ChatLine> = {}): ChatLine => {
    n += 1;
    return { key: `k${n}`, id: `m${n}`, user, text, atMs: Date.now() - 300_000 + n * 10_000, replyTo: null, edited: false, deleted: false, mine: false, state: "sent", problem: null, ...more };
  };
  const [maya, theo, ines, me] = [person("2", "Maya"), person("3", "Theo"), person("4", "Inés"), dj ? noor : person("9", "Quiet Otter")];
  const chat: ChatLine[] = [
    ...Array.from({ length: kind.includes("long") ? 40 : 0 }, (_, i) => line(i % 3 ? maya : theo, `line ${i} of the history`)),
    line(maya, "that bassline 😭"), line(theo, "who is this? I need the whole record"),
    line(noor, "Field Notes, from last winter. B-side is even better, coming up later"),
    line(ines, "listening from the balcony, the whole street is quiet"), line(maya, "same, lights off here"),
    line(me, "first time here, this is lovely", { mine: true }),
    ...(kind.includes("problem") ? [line(me, "did you see the moon?", { mine: true, state: "failed", id: null, problem: { code: "rate_limited", message: "That was a little fast. Try again in a moment.", retryAfterMs: 2000 } }), line(me, "sending this now", { mine: true, state: "pending", id: null })] : []),
  ];
  const listenState = (query.get("listen") ?? "off") as RoomView["listen"]["state"];
  const view = value<RoomView>({
    status: (query.get("status") ?? "live") as RoomView["status"], problem: query.get("problem") ? { code: query.get("problem")!, message: "The server cannot be reached.", retryAfterMs: null } : null,
    room: query.get("status") === "connecting" ? null : { rev: 1, id: "55", slug: "late", title: "Late Night Kitchen", state: "open", settings: { listed: true, when_dj_gone: "auto_dj" }, dj: noor },
    playback: { rev: 1, entry_id: silent ? null : "e0", track: silent ? null : current, position_ms: 0, anchor_ms: start, rate: 1, playing: !silent, device: "d" },
    sounding: { entryId: silent ? null : "e0", track: silent ? null : current, playing: !silent },
    queue: silent && kind.includes("bare") ? [] : entries(tracks.slice(1, 6)), chat: kind.includes("bare") ? [] : chat, hasOlder: kind.includes("long"), loadingOlder: false, listeners: 128,
    me: { rev: 1, user: me, role: dj ? "dj" : "listener" }, isDj: dj, isModerator: dj, mutedUntilMs: query.has("muted") ? Date.now() + 600_000 : null, typing: ["Theo"],
    listen: { state: listenState, problem: listenState === "failed" ? { code: "audio_unplayable", message: "This browser cannot play this track.", retryAfterMs: null } : null, volume: 0.8, muted: false, volumeFixed: false },
    sync: { inSync: true, errorMs: 6, clockErrorMs: 2, rttMs: 3 },
  });
  const ok = async () => undefined;
  const bursts = new Set<(c: Record<string, number>) => void>();
  const say = (text: string) => view.patch({ chat: [...view.get().chat, line(me, text, { mine: true, atMs: Date.now() })] });
  const room: Room = {
    ...view, slug: "late",
    dj: {
      play: ok, pause: async () => view.patch({ playback: { ...view.get().playback!, playing: false }, sounding: { ...view.get().sounding, playing: false } }), seek: ok, skip: ok,
      add: async (id) => { const t = tracks.find((x) => x.id === id)!; n += 1; view.patch({ queue: [...view.get().queue, { id: `x${n}`, track: t, added_by: noor }] }); return `x${n}`; },
      removeEntry: async (id) => view.patch({ queue: view.get().queue.filter((e) => e.id !== id) }),
      move: async (id, before) => { const e = view.get().queue.find((x) => x.id === id)!; const rest = view.get().queue.filter((x) => x.id !== id); const at = before === null ? rest.length : rest.findIndex((x) => x.id === before); rest.splice(at, 0, e); view.patch({ queue: rest }); },
      kick: ok, mute: ok, ban: ok, rename: async (title) => view.patch({ room: { ...view.get().room!, title } }), settings: async (settings) => view.patch({ room: { ...view.get().room!, settings } }), end: async () => view.patch({ status: "ended" }),
    },
    positionNow: () => (view.get().sounding.track === null ? 0 : Math.min(Date.now() - start, view.get().sounding.track!.duration_ms)), serverNow: () => Date.now(),
    listen: () => view.patch({ listen: { ...view.get().listen, state: "on" } }), stopListening: () => view.patch({ listen: { ...view.get().listen, state: "off" } }),
    setVolume: (volume) => view.patch({ listen: { ...view.get().listen, volume } }), setMuted: (muted) => view.patch({ listen: { ...view.get().listen, muted } }),
    say, retry: ok, discard: (key) => view.patch({ chat: view.get().chat.filter((l) => l.key !== key) }), edit: ok, remove: async (id) => view.patch({ chat: view.get().chat.map((l) => (l.id === id ? { ...l, deleted: true } : l)) }),
    typing: () => undefined, react: (emoji) => { for (const f of bursts) f({ [emoji]: 3 }); }, onReactions: (f) => { bursts.add(f as never); return () => bursts.delete(f as never); },
    older: ok, reopen: () => view.patch({ status: "live" }), close: () => undefined,
  };
  const body = (t: Track): TrackBody => ({ ...t, status: "ready" });
  const uploads = value<readonly Upload[]>(kind.includes("upload") ? [
    { key: "u1", fileName: "Blue Hour.flac", phase: "encoding", fraction: 0.62, track: { id: "201", status: "encoding", title: "Blue Hour" }, problem: null },
    { key: "u2", fileName: "Rainline.mp3", phase: "sending", fraction: 0.3, track: null, problem: null },
    { key: "u3", fileName: "notes.txt", phase: "failed", fraction: 0, track: null, problem: { code: "unsupported", message: "notes.txt has no sound in it.", retryAfterMs: null } },
  ] : []);
  const library: Library = {
    search: async (q) => { const found = kind.includes("bare") ? [] : tracks.filter((t) => t.title.toLowerCase().includes(q.toLowerCase())); return { tracks: found.map(body), total: kind.includes("bare") ? 0 : 1204, next: q === "" && !kind.includes("bare") ? "c" : null }; },
    track: async (id) => body(tracks.find((t) => t.id === id)!), peaks: async (id) => (query.has("nopeaks") ? null : peaksOf(tracks.find((t) => t.id === id)!)),
    uploads, upload: () => undefined, dismiss: (key) => uploads.set(uploads.get().filter((u) => u.key !== key)),
  };
  const session: Session = { ...value<SessionView>({ account: { id: "9", name: me.name, role: dj ? "owner" : "guest" }, problem: null }), token: async () => "", tokenIfAny: async () => "", rename: ok, becomeOwner: ok, signOut: () => undefined };
  const rooms = kind.includes("empty") ? [] : ["Late Night Kitchen", "Sunday Dub", "Rosa"].map((title, i) => ({ room: { rev: 1, id: `r${i}`, slug: "late", title, state: "open" as const, settings: { listed: true, when_dj_gone: "auto_dj" as const }, dj: noor }, playback: { rev: 1, entry_id: null, track: i === 2 ? null : tracks[i]!, position_ms: 0, anchor_ms: 0, rate: 1, playing: i < 2, device: null }, queue: { rev: 1, entries: [] }, listeners: [128, 31, 2][i]! }));
  const home: Home = { ...value<HomeView>({ status: (query.get("home") ?? "ready") as HomeView["status"], problem: null, rooms, mayCreate: dj }), refresh: ok, create: async () => rooms[0]!, close: () => undefined };
  return { session, library, home: () => home, room: () => room };
}
