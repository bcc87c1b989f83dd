/** Where a room's music is at a time: the same arithmetic as on the server. Pure. */

import type { Entry, Playback, Queue } from "./wire";

/** Position in ms at server time `nowMs`, as the playback says it, not clamped to the track. */
export function positionAt(playback: Playback, nowMs: number): number {
  if (!playback.playing || nowMs < playback.anchor_ms) return playback.position_ms;
  return playback.position_ms + (nowMs - playback.anchor_ms) * playback.rate;
}

/** Position as it is shown and played: within the track. */
export function shownPositionAt(playback: Playback, nowMs: number): number {
  const durationMs = playback.track?.duration_ms ?? 0;
  const positionMs = Math.max(0, positionAt(playback, nowMs));
  return durationMs > 0 ? Math.min(positionMs, durationMs) : positionMs;
}

/** Server time at which the sounding track ends; null when it does not end by itself. */
export function endsAtMs(playback: Playback): number | null {
  if (!playback.playing || playback.track === null || playback.rate <= 0) return null;
  if (playback.track.duration_ms <= 0) return null;
  return playback.anchor_ms + Math.max(0, playback.track.duration_ms - playback.position_ms) / playback.rate;
}

/**
 * What plays and what comes next at `nowMs`, over as many tracks as have passed, before the server has said so.
 * Past an empty queue a DJ's device stops; the auto-DJ starts over with what only the server remembers, so the
 * last track is left at its end until the server's word comes.
 */
export function caughtUp(playback: Playback, queue: Queue, nowMs: number): { playback: Playback; queue: Queue } {
  let entries = queue.entries;
  let now = playback;
  for (let endMs = endsAtMs(now); endMs !== null && endMs <= nowMs; endMs = endsAtMs(now)) {
    const [head, ...rest] = entries;
    if (head === undefined && now.device === null) break;
    now = head === undefined ? stopped(now, endMs) : started(now, head, endMs);
    entries = rest;
  }
  return { playback: now, queue: entries.length === queue.entries.length ? queue : { ...queue, entries } };
}

/** When the room next changes by itself; null when it does not. */
export function nextChangeMs(playback: Playback, nowMs: number): number | null {
  const endMs = endsAtMs(playback);
  return endMs === null || endMs <= nowMs ? null : endMs;
}

function started(playback: Playback, entry: Entry, atMs: number): Playback {
  return { ...playback, entry_id: entry.id, track: entry.track, position_ms: 0, anchor_ms: atMs, rate: 1 };
}

function stopped(playback: Playback, atMs: number): Playback {
  return { ...playback, entry_id: null, track: null, position_ms: 0, anchor_ms: atMs, rate: 1, playing: false };
}
