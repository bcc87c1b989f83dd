/** Small rooms, tracks and messages for tests; every field can be said otherwise. */

import type { Entry, JoinReply, Message, Playback, Queue, RoomState, Track, User } from "./wire";

export const dj: User = { id: "1", name: "Dana", role: "dj" };
export const guest: User = { id: "2", name: "Velvet Otter", role: "listener" };

export function track(id: string, duration_ms: number): Track {
  return { id, title: `Track ${id}`, artist: null, album: null, duration_ms, cover: null, hls: `/audio/tracks/${id}/master.m3u8` };
}

export function entry(id: string, duration_ms: number): Entry {
  return { id, track: track(`t${id}`, duration_ms), added_by: dj };
}

export function playback(change: Partial<Playback> = {}): Playback {
  const { id, track: sounding } = entry("10", 60_000);
  return {
    rev: 1,
    entry_id: id,
    track: sounding,
    position_ms: 0,
    anchor_ms: 1_000_000,
    rate: 1,
    playing: true,
    device: "dj-device",
    ...change,
  };
}

export function queue(entries: readonly Entry[] = [], rev = 1): Queue {
  return { rev, entries };
}

export function room(change: Partial<RoomState> = {}): RoomState {
  const settings = { listed: false, when_dj_gone: "auto_dj" } as const;
  return { rev: 1, id: "100", slug: "late-night", title: "Late night", state: "open", settings, dj, ...change };
}

export function message(id: string, change: Partial<Message> = {}): Message {
  return { id, user: dj, text: `line ${id}`, at_ms: 1_000_000 + Number(id), ...change };
}

/** `messages` newest first, as the server sends them. */
export function joinReply(change: Partial<JoinReply> = {}): JoinReply {
  return {
    room: room(),
    playback: playback(),
    queue: queue(),
    listeners: 1,
    me: { rev: 1, user: guest, role: "listener" },
    position: { epoch: "e", seq: 10, key: "k10" },
    messages: [],
    ...change,
  };
}
