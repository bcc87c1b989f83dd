/** The system's media controls: what plays, and its keys. A listener's pause stops listening, the DJ's pauses the room. */

import type { Track } from "../state/wire";

export interface MediaKeys {
  play(): void;
  pause(): void;
  /** Null: not offered (listeners). */
  readonly next: (() => void) | null;
  readonly seek: ((positionMs: number) => void) | null;
}

export interface Shown {
  readonly track: Track | null;
  readonly roomTitle: string;
  readonly playing: boolean;
  readonly positionMs: number;
}

export class MediaControls {
  private described = "";

  constructor(private readonly session: MediaSession | undefined = navigator.mediaSession) {}

  /** Which keys do what; call it when the person's role changes. */
  offer(keys: MediaKeys): void {
    const { next, seek } = keys;
    this.handle("play", () => keys.play());
    this.handle("pause", () => keys.pause());
    this.handle("stop", () => keys.pause());
    this.handle("nexttrack", next);
    this.handle("seekto", seek === null ? null : (details) => seek((details.seekTime ?? 0) * 1_000));
  }

  show(shown: Shown): void {
    if (this.session === undefined) return;
    this.describe(this.session, shown);
    this.session.playbackState = shown.playing ? "playing" : "paused";
    this.place(this.session, shown);
  }

  clear(): void {
    if (this.session === undefined) return;
    this.session.metadata = null;
    this.session.playbackState = "none";
    this.described = "";
  }

  private describe(session: MediaSession, { track, roomTitle }: Shown): void {
    const described = JSON.stringify([track?.id, track?.title, track?.artist, track?.cover, roomTitle]);
    if (described === this.described || typeof MediaMetadata === "undefined") return;
    this.described = described;
    const artwork = track?.cover == null ? [] : [{ src: new URL(track.cover, location.href).href }];
    const { title = roomTitle, artist } = track ?? {};
    session.metadata = new MediaMetadata({ title, artist: artist ?? "", album: track?.album ?? roomTitle, artwork });
  }

  private place(session: MediaSession, { track, positionMs }: Shown): void {
    const duration = (track?.duration_ms ?? 0) / 1_000;
    if (duration <= 0) return;
    try {
      session.setPositionState({ duration, position: Math.min(duration, positionMs / 1_000), playbackRate: 1 });
    } catch {
      // Missing in older browsers; the lock screen then has no progress bar.
    }
  }

  private handle(action: MediaSessionAction, handler: MediaSessionActionHandler | null): void {
    try {
      this.session?.setActionHandler(action, handler);
    } catch {
      // This browser does not know the key.
    }
  }
}
