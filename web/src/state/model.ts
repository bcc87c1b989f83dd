/**
 * What the views draw, and everything they may ask for.
 *
 * A view subscribes to immutable snapshots (`Readable` is Svelte's store contract, so `$room` works) and calls
 * commands. A part that did not change is the same object as before. Nothing here names a framework.
 */

import type {
  Account, AlbumPage, ArtistPage, Entry, Invitation, InvitationNotice, LibraryBody, Member, Playback, PlayPage, QueueSummary, Reaction,
  RoomBody, RoomRole, RoomState, SavedQueue, ServerBody, Settings, Track, TrackBody, TrackPage, User,
} from "./wire";

export type * from "./wire";
export { REACTIONS } from "./wire";

/** A value that changes: `subscribe` calls at once with the present one, and returns how to stop. */
export interface Readable<Value> {
  get(): Value;
  subscribe(listener: (value: Value) => void): () => void;
}

/** Something did not work: `code` is from the server's error table or one of the page's own; `message` is a sentence for a person, in their language. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number | null;
  /** Figures and ids that the server added to its refusal. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** `failed`, `ended`, `kicked` and `banned` are final until the page is opened again; `not_found` is a `failed` with that problem code. */
export type RoomStatus = "connecting" | "live" | "reconnecting" | "failed" | "ended" | "kicked" | "banned";

/** A line of the chat. Own lines appear at once as `pending`; a refused one stays as `failed` until `retry` or `discard`. */
export interface ChatLine {
  /** Stable from pending to sent: the key of an `{#each}`. */
  readonly key: string;
  /** Null until the server has given it. */
  readonly id: string | null;
  readonly user: User;
  readonly text: string;
  readonly atMs: number;
  readonly replyTo: string | null;
  readonly edited: boolean;
  /** Keeps its place, has no text. */
  readonly deleted: boolean;
  readonly mine: boolean;
  readonly state: "sent" | "pending" | "failed";
  readonly problem: Problem | null;
}

/**
 * `off`: nothing sounds here, a tap on "listen" is needed · `starting` · `on` · `waiting`: the room is paused or has
 * nothing to play, sound follows by itself · `stalled`: the network is too slow at the moment · `blocked`: the
 * browser wants one more tap · `failed`: see `problem`.
 */
export type Listening = "off" | "starting" | "on" | "waiting" | "stalled" | "blocked" | "failed";

export interface ListenView {
  readonly state: Listening;
  readonly problem: Problem | null;
  /** 0 … 1. iOS ignores it: `volumeFixed` is then true. */
  readonly volume: number;
  readonly muted: boolean;
  readonly volumeFixed: boolean;
}

/** How well this device is in step with the room. */
export interface SyncView {
  /** Sounding, and within 40 ms. */
  readonly inSync: boolean;
  /** Signed: positive is ahead of the room. Null when nothing sounds or nothing is measured yet. */
  readonly errorMs: number | null;
  /** Half the best round trip to the server plus the server's own doubt: how far the clock may be wrong. */
  readonly clockErrorMs: number | null;
  /** The best round trip to the server. */
  readonly rttMs: number | null;
}

/** What the ear hears now (while listening: when its first sample sounds; otherwise by server time). */
export interface Sounding {
  readonly entryId: string | null;
  readonly track: Track | null;
  readonly playing: boolean;
}

export interface RoomView {
  readonly status: RoomStatus;
  readonly problem: Problem | null;
  /** Null until the first join. */
  readonly room: RoomState | null;
  readonly playback: Playback | null;
  readonly sounding: Sounding;
  /** What comes next (the sounding entry is not in it). */
  readonly queue: readonly Entry[];
  /** Oldest first. */
  readonly chat: readonly ChatLine[];
  /** The server has older messages than the first of `chat`. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  readonly listeners: number;
  readonly me: Member | null;
  /** This person leads the room: show the console. */
  readonly isDj: boolean;
  /** May take back others' messages, kick and mute: the DJ and moderators. */
  readonly isModerator: boolean;
  /** The roles of those whose lines or changes were seen; newer than what stands in a line. */
  readonly roles: ReadonlyMap<string, RoomRole>;
  /** Unix ms of the server until which this person may not write, or null. */
  readonly mutedUntilMs: number | null;
  /** Names of others who are writing. */
  readonly typing: readonly string[];
  readonly listen: ListenView;
  readonly sync: SyncView;
}

/** Commands of the DJ. Each resolves when the server has agreed and rejects with a `Problem`. */
export interface Console {
  /** Without arguments: go on. With an entry: play that one of the queue. */
  play(entryId?: string, positionMs?: number): Promise<void>;
  pause(): Promise<void>;
  seek(positionMs: number): Promise<void>;
  skip(): Promise<void>;
  /** Before `before`, or at the end. Resolves with the entry's id. */
  add(trackId: string, before?: string | null): Promise<string>;
  /** All of them in this order, or none. Resolves with the entries' ids. */
  addMany(trackIds: readonly string[], before?: string | null): Promise<readonly string[]>;
  removeEntry(entryId: string): Promise<void>;
  /** `before` null moves to the end. */
  move(entryId: string, before: string | null): Promise<void>;
  kick(userId: string): Promise<void>;
  /** 0 lifts the mute. */
  mute(userId: string, forMs: number): Promise<void>;
  ban(userId: string, banned?: boolean): Promise<void>;
  /** Makes a moderator, or a listener again. */
  appoint(userId: string, role: "moderator" | "listener"): Promise<void>;
  rename(title: string): Promise<void>;
  settings(settings: Settings): Promise<void>;
  /** For good. */
  end(): Promise<void>;
}

/** One open room. Close it when its page goes. */
export interface Room extends Readable<RoomView> {
  readonly slug: string;
  readonly dj: Console;

  /** Where the ear is in the sounding track, in ms; cheap, for `requestAnimationFrame`. */
  positionNow(): number;
  /** Server time in Unix ms; for "muted until", "3 minutes ago". */
  serverNow(): number;

  /** Call it inside the tap: it unlocks the audio elements. */
  listen(): void;
  stopListening(): void;
  setVolume(volume: number): void;
  setMuted(muted: boolean): void;

  /** Shown at once; the line's `state` tells the rest. Empty text is ignored. */
  say(text: string, replyTo?: string | null): void;
  /** Sends a `failed` line again (same nonce). */
  retry(key: string): void;
  discard(key: string): void;
  edit(id: string, text: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Call it on input; it sends at most once in 3 s. */
  typing(): void;
  react(emoji: Reaction): void;
  /** Sums of the last quarter second, own ones included, to float over the room. */
  onReactions(listener: (counts: Readonly<Record<string, number>>) => void): () => void;

  /** Puts older messages in front of `chat`; does nothing when there are none or while it loads. */
  older(): Promise<void>;
  /** After `failed`: tries to open again. */
  reopen(): void;
  close(): void;
}

export interface HomeView {
  readonly status: "loading" | "ready" | "failed";
  readonly problem: Problem | null;
  readonly rooms: readonly RoomBody[];
  /** May open rooms and upload. */
  readonly mayCreate: boolean;
}

/** The rooms one may see; refreshed every 15 s while subscribed and visible. */
export interface Home extends Readable<HomeView> {
  refresh(): Promise<void>;
  /** Resolves with the room; go to `roomPath(room.room.slug)`. */
  create(title: string, settings?: Partial<Settings>): Promise<RoomBody>;
  close(): void;
}

/** What anybody may know of the server's music. */
export interface Library {
  track(id: string): Promise<TrackBody>;
  /** The waveform of a track, 0-255, about 100 a second; null while it is not known yet. Remembered. */
  peaks(trackId: string): Promise<readonly number[] | null>;
}

/** Which tracks a page of the library shows. */
export interface TracksWanted {
  /** Words of title, artist or album. */
  readonly query?: string;
  /** The `key` of an album: its tracks, in their order. */
  readonly album?: string;
  readonly artist?: string;
  /** Marks what this room has played before. */
  readonly roomId?: string | null;
}

/** The server's music, for those who may browse it. A `cursor` is the `next` of the page before. */
export interface Catalog {
  tracks(wanted: TracksWanted, cursor?: string | null): Promise<TrackPage>;
  albums(wanted: { readonly query?: string; readonly artist?: string }, cursor?: string | null): Promise<AlbumPage>;
  artists(query: string, cursor?: string | null): Promise<ArtistPage>;
  /** Every track of an album in its order, whatever its length. */
  wholeAlbum(key: string): Promise<readonly TrackBody[]>;
  status(): Promise<LibraryBody>;
  /** Looks for changes in the folders; for the owner. */
  scan(): Promise<void>;
  /** Takes an upload away for good, with all that was made from it. */
  remove(trackId: string): Promise<void>;
  /** The whole track as an Ogg Vorbis file, once it is made. `roomId` is where it plays: saving is allowed there, or it is refused. */
  ogg(trackId: string, roomId: string | null): Promise<Blob>;
}

/** Queues kept for another night; everybody has their own. */
export interface SavedQueues {
  list(): Promise<readonly QueueSummary[]>;
  get(id: string): Promise<SavedQueue>;
  save(name: string, trackIds: readonly string[]): Promise<SavedQueue>;
  /** Another name, other tracks. */
  replace(id: string, name: string, trackIds: readonly string[]): Promise<SavedQueue>;
  remove(id: string): Promise<void>;
}

/** One file on its way into the library. */
export interface Upload {
  readonly key: string;
  readonly fileName: string;
  /** `sending` → `encoding` → `ready`, or `failed` with a reason that a person understands. */
  readonly phase: "waiting" | "sending" | "encoding" | "ready" | "failed";
  /** 0 … 1 of the present phase. */
  readonly fraction: number;
  readonly track: TrackBody | null;
  readonly problem: Problem | null;
}

/** A whole folder may be on its way: `shown` is bounded, the figures count everything since the last quiet moment. */
export interface UploadsView {
  /** What moves, what failed, the first that wait, and what came in last. */
  readonly shown: readonly Upload[];
  /** Files that wait and are not in `shown`. */
  readonly waiting: number;
  /** Files that have arrived, or could not. */
  readonly done: number;
  readonly total: number;
}

export interface Uploads extends Readable<UploadsView> {
  /** Two files at a time, in this order. `onReady` gets what can be queued, in this order too, and is awaited. */
  add(files: readonly File[], onReady?: (tracks: readonly TrackBody[]) => Promise<void>): void;
  /** Stops a running upload, or forgets a finished one. */
  dismiss(key: string): void;
  /** Forgets what waits and what failed; what is being sent arrives. */
  stopWaiting(): void;
}

/** Where a private sound goes. */
export interface SoundOutput {
  readonly id: string;
  readonly label: string;
}

export interface CueView {
  readonly track: { readonly id: string; readonly title: string; readonly cover: string | null } | null;
  readonly state: "off" | "loading" | "playing" | "paused" | "failed";
  readonly durationMs: number;
  readonly problem: Problem | null;
  /** The chosen one, or null for the system's own. */
  readonly output: SoundOutput | null;
  /** This browser can send it elsewhere, such as to headphones. */
  readonly mayChoose: boolean;
}

/** Hears a track on this device alone, while the room plays on. */
export interface Cue extends Readable<CueView> {
  /** Call it inside the tap. */
  play(trackId: string, title: string, cover: string | null): void;
  toggle(): void;
  seek(positionMs: number): void;
  stop(): void;
  /** Cheap, for `requestAnimationFrame`. */
  positionNow(): number;
  /** What there is to choose from; the browser may ask the person first. Rejects with a `Problem`. */
  outputs(): Promise<readonly SoundOutput[]>;
  useOutput(output: SoundOutput | null): Promise<void>;
}

/** What a DJ works with; loaded when it is first wanted. */
export interface Desk {
  readonly catalog: Catalog;
  readonly uploads: Uploads;
  readonly queues: SavedQueues;
  readonly cue: Cue;
  /** What a room has played, newest first; `before` is the `next` of the page before. */
  plays(roomId: string, before?: string | null): Promise<PlayPage>;
}

export interface SessionView {
  /** Null: nobody yet; a guest is made when first needed. */
  readonly account: Account | null;
  readonly problem: Problem | null;
}

/** Who this browser is. */
export interface Session extends Readable<SessionView> {
  /** A valid access token; makes a guest with a friendly name when there is nobody. */
  token(): Promise<string>;
  /** A token if there is somebody, otherwise null. */
  tokenIfAny(): Promise<string | null>;
  rename(name: string): Promise<void>;
  /** From the owner link; rejects with a `Problem` when the code is used up. */
  becomeOwner(code: string): Promise<void>;
  /** Ends this sign-in here and on the server, if that can be reached. */
  signOut(): Promise<void>;
}

/** Accounts with a password, and the ways to one. Each call rejects with a `Problem`. */
export interface Accounts {
  /** What this server lets people do; asked once, and again after a failure. */
  server(): Promise<ServerBody>;
  /** The account as the server has it now, with what its uploads take. */
  fresh(): Promise<Account>;
  /** Who is a guest now becomes an account and stays the same person. */
  register(name: string, password: string, invitation?: string): Promise<void>;
  logIn(name: string, password: string): Promise<void>;
  /** `old` only when there is one. */
  changePassword(password: string, old?: string): Promise<void>;
  /** For good, with sign-ins, uploads and saved queues; `password` when there is one. */
  leave(password?: string): Promise<void>;
  invitations(): Promise<readonly Invitation[]>;
  invite(): Promise<Invitation>;
  revoke(id: string): Promise<void>;
  /** Who invites; rejects with `not_found` when the code was used up, revoked or is too old. */
  noticeOf(code: string): Promise<InvitationNotice>;
  accept(code: string): Promise<void>;
}

/** Everything the views need; made once by `openEngine()`. */
export interface Engine {
  readonly session: Session;
  readonly accounts: Accounts;
  readonly library: Library;
  /** Rejects when it cannot be loaded; ask again. */
  desk(): Promise<Desk>;
  home(): Home;
  room(slug: string): Room;
}
