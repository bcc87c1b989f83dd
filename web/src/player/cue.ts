/**
 * Hears a track on this device alone, while the room plays on: an audio element and a source of its own, which know
 * nothing of the room, its clock or its player.
 */

import { asProblem, problem } from "../realtime/problem";
import type { Cue, CueView, Problem, SoundOutput } from "../state/model";
import { Cell } from "../state/readable";
import type { Memory } from "../state/storage";
import type { TrackBody } from "../state/wire";
import { CueOutput } from "./cue_output";
import { openSource, type Source, type SourceProblem } from "./source";

const LOOKED_AT = ["playing", "pause", "durationchange", "ended"] as const;

export class CuePlayer extends Cell<CueView> implements Cue {
  private element: HTMLAudioElement | null = null;
  private output: CueOutput | null = null;
  private source: Source | null = null;
  /** Counts what was asked for: an answer that belongs to an earlier wish is not heard. */
  private wishes = 0;
  private renewed = false;

  constructor(
    private readonly lookUp: (trackId: string) => Promise<TrackBody>,
    private readonly memory: Memory,
  ) {
    super({ track: null, state: "off", durationMs: 0, problem: null, output: null, mayChoose: CueOutput.possible() });
  }

  play(trackId: string, title: string, cover: string | null): void {
    const element = this.ready();
    this.silence();
    this.renewed = false;
    const track = { id: trackId, title, cover };
    this.change({ track, state: "loading", durationMs: 0, problem: null });
    element.volume = this.volume();
    // Inside the tap, because only there some browsers let an element sound; what it will play comes later.
    element.play().catch(() => undefined);
    void this.load(trackId, 0);
  }

  toggle(): void {
    const { state } = this.get();
    if (state === "playing") this.element?.pause();
    else if (state === "paused") this.start();
  }

  seek(positionMs: number): void {
    if (this.element !== null) this.element.currentTime = Math.max(0, positionMs) / 1_000;
  }

  stop(): void {
    this.silence();
    this.change({ track: null, state: "off", durationMs: 0, problem: null });
  }

  positionNow(): number {
    return (this.element?.currentTime ?? 0) * 1_000;
  }

  async outputs(): Promise<readonly SoundOutput[]> {
    this.ready();
    return (await this.output?.choices()) ?? [];
  }

  async useOutput(output: SoundOutput | null): Promise<void> {
    this.ready();
    await this.output?.use(output);
    this.change({ output: this.output?.chosen ?? null });
  }

  /** The same loudness as the room has here: whoever turned it down does not want to be startled. */
  private volume(): number {
    const kept = Number(this.memory.read("volume") ?? 1);
    return kept > 0 && kept <= 1 ? kept ** 2 : 1;
  }

  private ready(): HTMLAudioElement {
    if (this.element !== null) return this.element;
    const element = document.createElement("audio");
    element.preload = "auto";
    element.dataset["testid"] = "cue-audio";
    element.style.display = "none";
    document.body.append(element);
    for (const name of LOOKED_AT) element.addEventListener(name, () => this.onMedia(element, name));
    this.element = element;
    this.output = new CueOutput(element, this.memory, () => this.change({ output: null }));
    this.change({ output: this.output.chosen });
    return element;
  }

  private async load(trackId: string, fromMs: number): Promise<void> {
    this.wishes += 1;
    const wish = this.wishes;
    const element = this.ready();
    try {
      const { hls } = await this.lookUp(trackId);
      if (wish !== this.wishes) return;
      if (hls == null) throw problem("audio_missing");
      const onProblem = (kind: SourceProblem): void => this.onProblem(wish, kind);
      const source = await openSource(element, hls, () => fromMs, onProblem);
      if (wish !== this.wishes) return source.close();
      this.source = source;
      source.settle();
      this.start();
    } catch (thrown) {
      if (wish === this.wishes) this.fail(asProblem(thrown));
    }
  }

  private start(): void {
    const wish = this.wishes;
    this.element?.play().catch((thrown: unknown) => {
      // An AbortError only says that something else was asked for meanwhile.
      if (wish === this.wishes && (thrown as Error).name === "NotAllowedError") this.change({ state: "paused" });
    });
  }

  private onMedia(element: HTMLAudioElement, name: (typeof LOOKED_AT)[number]): void {
    if (this.source === null) return;
    if (name === "ended") return this.stop();
    if (name === "durationchange" && Number.isFinite(element.duration)) this.change({ durationMs: element.duration * 1_000 });
    if (name === "playing") this.change({ state: "playing" });
    if (name === "pause" && this.get().state === "playing") this.change({ state: "paused" });
  }

  /** A signature that has run out is renewed once, where it stopped. */
  private onProblem(wish: number, kind: SourceProblem): void {
    const { track } = this.get();
    if (wish !== this.wishes || track === null) return;
    const positionMs = this.positionNow();
    if (kind === "expired" && !this.renewed) {
      this.renewed = true;
      this.silence();
      void this.load(track.id, positionMs);
      return;
    }
    this.fail(problem(SENTENCES[kind]));
  }

  private fail(why: Problem): void {
    this.silence();
    this.change({ state: "failed", problem: why });
  }

  private silence(): void {
    this.wishes += 1;
    const source = this.source;
    this.source = null;
    this.element?.pause();
    source?.close();
  }

  private change(part: Partial<CueView>): void {
    this.set({ ...this.get(), ...part });
  }
}

const SENTENCES: Readonly<Record<SourceProblem, string>> = {
  expired: "audio_missing",
  missing: "audio_missing",
  network: "audio_network",
  unplayable: "audio_unplayable",
  player_load: "player_load",
};
