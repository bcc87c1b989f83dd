/** One audio element and what feeds it. Knows nothing of rooms or clocks. */

import { openSource, type Source, type SourceProblem } from "./source";

/** What a player asks of a deck; `ElementDeck` is the one that sounds. */
export interface Deck {
  /** What is loaded, or null. */
  readonly entryId: string | null;
  /** Loaded, and could sound from where it stands. */
  readonly ready: boolean;
  /** Told to play, whether or not there is something to play at the moment. */
  readonly started: boolean;
  /** Told to play, and doing so. */
  readonly sounding: boolean;
  /** Started, and out of data. */
  readonly stalled: boolean;
  /** Has played to its end. */
  readonly ended: boolean;
  readonly positionMs: number;
  /** Would go on from `positionMs`: nothing has sounded since the last load or seek. */
  readonly exact: boolean;
  /** NaN while unknown. */
  readonly durationMs: number;

  /** Call it inside a tap. Does nothing the second time or when something is loaded. */
  unlock(): void;
  /** Replaces what is loaded. `startMs` is asked when loading really begins. */
  load(entryId: string, url: string, startMs: () => number): void;
  clear(): void;
  /** Whether it can go to `positionMs` without the network. */
  holds(positionMs: number): boolean;
  /** False when the browser wants a tap first. */
  play(): Promise<boolean>;
  pause(): void;
  seek(positionMs: number): void;
  setRate(rate: number): void;
  /** `volume` 0 … 1. False when the system alone decides. */
  setVolume(volume: number, muted: boolean): boolean;
  /** It works: buffer for bad times. */
  settle(): void;
  /** Gives everything back. */
  close(): void;
}

/** Silent, and would go on from there: browsers round a position to their own steps. */
export function standsAt(deck: Deck, positionMs: number): boolean {
  return deck.exact && Math.abs(deck.positionMs - positionMs) < 20;
}

export interface DeckEvents {
  /** Became ready, started, ran dry, ended: look again. */
  changed(deck: Deck): void;
  problem(deck: Deck, problem: SourceProblem): void;
  /** Somebody else paused it: the system, a phone call, pulled headphones. */
  interrupted(deck: Deck): void;
}

/** A WAV file of one silent sample: played inside a tap, it unlocks the element where that is needed. */
const SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQIAAAAAAA==";

/** As a blob, because the page's security policy forbids `data:` addresses. */
function silence(): string {
  const bytes = Uint8Array.from(atob(SILENCE), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
}

const LOOKED_AT = ["canplay", "canplaythrough", "seeked", "playing", "waiting", "ended", "durationchange"] as const;

export class ElementDeck implements Deck {
  entryId: string | null = null;
  private readonly element: HTMLAudioElement;
  private source: Source | null = null;
  private loads = 0;
  private wanted = false;
  private dry = false;
  /** After a pause a browser goes on up to 0.1 s further than it says: from what it had already prepared. */
  exact = false;
  private unlocked = false;
  private silence: string | null = null;

  constructor(private readonly events: DeckEvents) {
    const element = document.createElement("audio");
    element.preload = "auto";
    element.preservesPitch = false;
    element.style.display = "none";
    document.body.append(element);
    this.element = element;
    for (const name of LOOKED_AT) element.addEventListener(name, () => this.onMedia(name));
    element.addEventListener("pause", () => this.onPause());
  }

  unlock(): void {
    if (this.unlocked || this.entryId !== null) return;
    this.unlocked = true;
    this.silence = silence();
    this.element.src = this.silence;
    this.element.play().catch(() => undefined);
  }

  load(entryId: string, url: string, startMs: () => number): void {
    this.clear();
    this.entryId = entryId;
    this.exact = true;
    const load = this.loads;
    const onProblem = (problem: SourceProblem): void => {
      if (this.loads === load) this.events.problem(this, problem);
    };
    void openSource(this.element, url, startMs, onProblem).then((source) => {
      if (this.loads === load) this.source = source;
      else source.close();
    });
  }

  clear(): void {
    this.loads += 1;
    this.pause();
    this.source?.close();
    this.source = null;
    this.entryId = null;
    this.dry = false;
    this.element.playbackRate = 1;
  }

  get ready(): boolean {
    return this.entryId !== null && this.source !== null && !this.element.seeking && this.element.readyState >= 3;
  }

  get sounding(): boolean {
    return this.wanted && !this.element.paused && !this.dry && !this.element.ended && this.element.readyState >= 2;
  }

  get started(): boolean {
    return this.wanted;
  }

  get stalled(): boolean {
    return this.wanted && this.dry;
  }

  get ended(): boolean {
    return this.element.ended;
  }

  get positionMs(): number {
    return this.element.currentTime * 1_000;
  }

  get durationMs(): number {
    return this.element.duration * 1_000;
  }

  holds(positionMs: number): boolean {
    const { buffered } = this.element;
    const seconds = positionMs / 1_000;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= seconds && seconds < buffered.end(i) - 0.1) return true;
    }
    return false;
  }

  async play(): Promise<boolean> {
    this.wanted = true;
    this.exact = false;
    try {
      await this.element.play();
      return true;
    } catch (thrown) {
      // An AbortError only says that something else was loaded or it was paused in the meantime.
      if ((thrown as Error).name !== "NotAllowedError") return true;
      this.wanted = false;
      return false;
    }
  }

  pause(): void {
    this.wanted = false;
    this.dry = false;
    this.element.playbackRate = 1;
    if (!this.element.paused) this.element.pause();
  }

  seek(positionMs: number): void {
    this.exact = true;
    this.element.currentTime = positionMs / 1_000;
  }

  setRate(rate: number): void {
    this.element.playbackRate = rate;
  }

  setVolume(volume: number, muted: boolean): boolean {
    this.element.volume = volume;
    this.element.muted = muted;
    return this.element.volume === volume;
  }

  settle(): void {
    this.source?.settle();
  }

  close(): void {
    this.clear();
    this.element.remove();
    // Not before: a browser that is still reading it would complain.
    if (this.silence !== null) URL.revokeObjectURL(this.silence);
  }

  private onMedia(name: (typeof LOOKED_AT)[number]): void {
    if (name === "waiting") this.dry = true;
    if (name === "playing" || name === "ended") this.dry = false;
    if (this.entryId !== null) this.events.changed(this);
  }

  private onPause(): void {
    if (this.wanted && this.element.paused && !this.element.ended && this.source !== null) {
      this.wanted = false;
      this.events.interrupted(this);
    }
  }
}
