/** Where a private sound goes: a DJ's headphones are another device than the speakers. Remembered between visits. */

import { problem } from "../realtime/problem";
import type { SoundOutput } from "../state/model";
import type { Memory } from "../state/storage";

/** Firefox has a chooser of its own; others name the outputs once the microphone was allowed. */
type Chooser = MediaDevices & { selectAudioOutput?: () => Promise<MediaDeviceInfo> };

const KEY = "cue.output";

export class CueOutput {
  chosen: SoundOutput | null;

  constructor(
    private readonly element: HTMLAudioElement,
    private readonly memory: Memory,
    /** The remembered one is not there: the system's own has taken its place. */
    lost: () => void,
  ) {
    this.chosen = kept(memory);
    if (this.chosen === null) return;
    this.send(this.chosen.id).catch(() => {
      this.chosen = null;
      lost();
    });
  }

  /** Whether this browser can do it at all; never on a plain http address of a network, nor on iPhones. */
  static possible(): boolean {
    return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype && mediaDevices() !== null;
  }

  /** Raises a ProblemError when the person or the browser does not allow to look. */
  async choices(): Promise<readonly SoundOutput[]> {
    const devices = mediaDevices();
    if (devices === null) return [];
    try {
      if (devices.selectAudioOutput !== undefined) return [named(await devices.selectAudioOutput())];
      // Only who may hear a microphone learns what is plugged in. Nothing is recorded.
      const stream = await devices.getUserMedia({ audio: true });
      const found = await devices.enumerateDevices();
      for (const track of stream.getTracks()) track.stop();
      return found.filter(({ kind, deviceId }) => kind === "audiooutput" && deviceId !== "default").map(named);
    } catch {
      throw problem("cue_output");
    }
  }

  /** Null: the system's own. Raises a ProblemError when it cannot be used. */
  async use(output: SoundOutput | null): Promise<void> {
    try {
      await this.send(output?.id ?? "");
    } catch {
      throw problem("cue_output");
    }
    this.chosen = output;
    this.memory.write(KEY, output === null ? null : JSON.stringify(output));
  }

  private async send(id: string): Promise<void> {
    await this.element.setSinkId(id);
  }
}

function mediaDevices(): Chooser | null {
  return (navigator.mediaDevices as Chooser | undefined) ?? null;
}

function named({ deviceId, label }: MediaDeviceInfo): SoundOutput {
  return { id: deviceId, label: label === "" ? deviceId.slice(0, 8) : label };
}

function kept(memory: Memory): SoundOutput | null {
  try {
    const read = JSON.parse(memory.read(KEY) ?? "null") as SoundOutput | null;
    return typeof read?.id === "string" && typeof read.label === "string" ? read : null;
  } catch {
    return null;
  }
}
