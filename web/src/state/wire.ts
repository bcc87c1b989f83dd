/**
 * What the server sends and takes, as `whatssound.wire` defines it.
 * Ids are strings (a Snowflake does not fit a double); times are Unix ms of the server's clock.
 */

export type RoomRole = "dj" | "moderator" | "listener";
export type AccountRole = "guest" | "user" | "invited" | "owner" | "service";
export type TrackStatus = "available" | "queued" | "encoding" | "ready" | "failed";

/** A person as a room shows them. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly role: RoomRole;
}

/** `cover` and `hls` are paths on the server; `hls` is signed and expires. */
export interface Track {
  readonly id: string;
  readonly title: string;
  readonly artist: string | null;
  readonly album: string | null;
  readonly duration_ms: number;
  readonly cover: string | null;
  readonly hls: string | null;
}

export interface Entry {
  readonly id: string;
  readonly track: Track;
  readonly added_by: User;
}

export interface Settings {
  readonly listed: boolean;
  readonly when_dj_gone: "auto_dj" | "pause";
  /** Listeners may save what the room plays as a file. */
  readonly allow_saving?: boolean;
}

/** A chat message in history and in the join reply. */
export interface Message {
  readonly id: string;
  readonly user: User;
  readonly text: string;
  readonly at_ms: number;
  readonly nonce?: string | null;
  readonly reply_to?: string | null;
  readonly edit_rev?: number;
  readonly deleted?: boolean;
}

export interface Playback {
  readonly rev: number;
  readonly entry_id: string | null;
  readonly track: Track | null;
  readonly position_ms: number;
  readonly anchor_ms: number;
  readonly rate: number;
  readonly playing: boolean;
  readonly device: string | null;
}

export interface Queue {
  readonly rev: number;
  readonly entries: readonly Entry[];
}

export interface RoomState {
  readonly rev: number;
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly state: "open" | "ended";
  readonly settings: Settings;
  readonly dj: User;
}

export interface Member {
  readonly rev: number;
  readonly user: User;
  readonly role: RoomRole;
  readonly banned?: boolean;
  readonly muted_until_ms?: number | null;
}

/** `GET /v1/rooms/{room}/members`: the moderators, and who is muted or banned. */
export interface MemberList {
  readonly members: readonly Member[];
}

/** A place in the room log. */
export interface LogPosition {
  readonly epoch: string;
  readonly seq: number;
  readonly key: string;
}

export interface JoinReply {
  readonly room: RoomState;
  readonly playback: Playback;
  readonly queue: Queue;
  readonly listeners: number;
  readonly me: Member;
  readonly position: LogPosition;
  /** The last 50, newest first. */
  readonly messages: readonly Message[];
  readonly events?: readonly (readonly [string, Record<string, unknown>])[];
  readonly reset?: boolean;
}

/** What an account may do on this server, by its role and the server's settings. */
export type Action = "upload" | "open_room" | "browse_library" | "invite" | "scan" | (string & {});

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly role: AccountRole;
  readonly may: readonly Action[];
  /** This and `storage` only in the answer of `/v1/me`. */
  readonly has_password?: boolean;
  /** A quota of null is none. */
  readonly storage?: { readonly used_bytes: number; readonly quota_bytes: number | null } | null;
}

export type Who = "owner" | "invited" | "registered" | "anyone";

/** What a page may know before anybody has signed in. */
export interface ServerBody {
  readonly version: string;
  /** Where links to this server begin, without a slash at the end. */
  readonly links_base: string;
  /** Who can follow such a link. */
  readonly reach: "this_computer" | "network" | "public";
  readonly may_register: "anyone" | "invited" | "nobody";
  readonly may_upload: Who;
  readonly may_open_rooms: Who;
}

/** `path` begins with a slash and belongs behind `links_base`; only a new invitation carries it. */
export interface Invitation {
  readonly id: string;
  readonly code?: string | null;
  readonly path?: string | null;
  readonly expires_ms: number;
  readonly uses_left: number;
}

/** What a stranger learns of an invitation. */
export interface InvitationNotice {
  /** Empty when that person has left. */
  readonly invited_by: string;
  readonly expires_ms: number;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in_s: number;
  readonly user: Account;
}

/** A track in the library; `peaks` (0-255, about 100 a second) come with the single track only. */
export interface TrackBody {
  readonly id: string;
  readonly status: TrackStatus;
  readonly title: string;
  readonly progress?: number;
  readonly reason?: string | null;
  readonly artist?: string | null;
  readonly album?: string | null;
  readonly duration_ms?: number;
  readonly loudness_lufs?: number | null;
  readonly peaks?: readonly number[] | null;
  readonly hls?: string | null;
  readonly cover?: string | null;
  readonly source?: "upload" | "library" | "demo";
  /** Its file cannot be reached at the moment; what is encoded already still plays. */
  readonly offline?: boolean;
  /** Uploaded by whoever asked. */
  readonly mine?: boolean;
  readonly album_artist?: string | null;
  readonly track_number?: number | null;
  readonly disc_number?: number | null;
  readonly year?: number | null;
  /** When the room that was named in the question played it last. */
  readonly played_ms?: number | null;
}

export interface TrackPage {
  readonly tracks: readonly TrackBody[];
  readonly total: number;
  readonly next?: string | null;
}

export interface AlbumBody {
  readonly key: string;
  readonly title: string;
  readonly artist?: string | null;
  readonly year?: number | null;
  readonly tracks: number;
  readonly duration_ms: number;
  readonly cover?: string | null;
}

export interface AlbumPage {
  readonly albums: readonly AlbumBody[];
  readonly total: number;
  readonly next?: string | null;
}

export interface ArtistBody {
  readonly name: string;
  readonly albums: number;
  readonly tracks: number;
}

export interface ArtistPage {
  readonly artists: readonly ArtistBody[];
  readonly total: number;
  readonly next?: string | null;
}

/** One folder of music, as the last scan saw it. */
export interface ScanBody {
  readonly folder: string;
  readonly state: "waiting" | "scanning" | "done" | "failed";
  readonly seen?: number;
  readonly added?: number;
  readonly changed?: number;
  readonly moved?: number;
  readonly offline?: number;
  readonly unreadable?: number;
  /** Files that could not be read, with their reasons; the first hundred. */
  readonly skipped?: readonly string[];
  readonly reason?: string | null;
  readonly finished_ms?: number | null;
}

/** The state of the server's music in one answer: folders, encodes, space. */
export interface LibraryBody {
  readonly tracks: number;
  readonly offline?: number;
  readonly scans: readonly ScanBody[];
  readonly encodes: {
    readonly waiting: number;
    readonly running: readonly { readonly track_id: string; readonly title: string; readonly progress: number }[];
    readonly failed: readonly { readonly track_id: string; readonly title: string; readonly reason: string }[];
    /** Why nothing more is begun, when that is so. */
    readonly held?: string | null;
  };
  readonly cache: { readonly bytes: number; readonly limit_bytes?: number | null };
}

/** A saved queue in the list of them. */
export interface QueueSummary {
  readonly id: string;
  readonly name: string;
  readonly count: number;
  /** So many of them cannot be played now: removed, failed, or offline and not encoded. */
  readonly missing?: number;
  readonly duration_ms: number;
  readonly updated_ms: number;
}

/** A saved queue with its tracks in order. */
export interface SavedQueue {
  readonly id: string;
  readonly name: string;
  readonly tracks: readonly TrackBody[];
  readonly updated_ms: number;
}

/** One track that a room has played, or is playing (`ended_ms` null). */
export interface Play {
  readonly id: string;
  readonly track: Track;
  readonly started_ms: number;
  readonly ended_ms?: number | null;
  readonly added_by?: User | null;
}

/** Newest first. */
export interface PlayPage {
  readonly plays: readonly Play[];
  readonly next?: string | null;
}

export interface RoomBody {
  readonly room: RoomState;
  readonly playback: Playback;
  readonly queue: Queue;
  readonly listeners: number;
}

export interface MessagePage {
  readonly messages: readonly Message[];
  readonly has_more: boolean;
}

/** How the server says no, over HTTP and over the socket. */
export interface RefusalBody {
  readonly code: string;
  readonly message: string;
  readonly retry_after_ms?: number;
  readonly details?: Record<string, unknown>;
}

/** What a listener may send as a reaction. */
export const REACTIONS = ["❤️", "🔥", "👏", "😂", "🎉", "🤘"] as const;
export type Reaction = (typeof REACTIONS)[number];
