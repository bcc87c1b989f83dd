import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Memory } from "../state/storage";
import { CueOutput } from "./cue_output";

class Element {
  sinks: string[] = [];

  constructor(private readonly plugged: readonly string[]) {}

  async setSinkId(id: string): Promise<void> {
    if (id !== "" && !this.plugged.includes(id)) throw new DOMException("gone", "NotFoundError");
    this.sinks.push(id);
  }
}

const memoryOf = (kept: Record<string, string | null>): Memory => ({
  read: (key) => kept[key] ?? null,
  write: (key, value) => void (kept[key] = value),
});

const device = (kind: string, deviceId: string, label: string) => ({ kind, deviceId, label });
const stopped = vi.fn();
const lost = vi.fn();

beforeEach(() => {
  stopped.mockClear();
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getUserMedia: async () => ({ getTracks: () => [{ stop: stopped }] }),
      enumerateDevices: async () => [
        device("audioinput", "mic", "Microphone"),
        device("audiooutput", "default", "Default"),
        device("audiooutput", "usb", "USB headphones"),
      ],
    },
  });
});
afterEach(() => vi.unstubAllGlobals());

const outputFor = (element: Element, kept: Record<string, string | null> = {}): CueOutput =>
  new CueOutput(element as unknown as HTMLAudioElement, memoryOf(kept), lost);

it("names the outputs, and lets the microphone go at once", async () => {
  expect(await outputFor(new Element([])).choices()).toEqual([{ id: "usb", label: "USB headphones" }]);
  expect(stopped).toHaveBeenCalled();
});

it("takes the browser's own chooser where there is one", async () => {
  vi.stubGlobal("navigator", { mediaDevices: { selectAudioOutput: async () => device("audiooutput", "bt", "Earbuds") } });
  expect(await outputFor(new Element([])).choices()).toEqual([{ id: "bt", label: "Earbuds" }]);
});

it("remembers the output until the system's own is chosen again", async () => {
  const kept: Record<string, string | null> = {};
  await outputFor(new Element(["usb"]), kept).use({ id: "usb", label: "USB headphones" });
  const element = new Element(["usb"]);
  const later = outputFor(element, kept);
  expect(later.chosen?.label).toBe("USB headphones");
  expect(element.sinks).toEqual(["usb"]);
  await later.use(null);
  expect(outputFor(new Element(["usb"]), kept).chosen).toBeNull();
});

it("says so when an output cannot be used, and keeps what was chosen", async () => {
  const output = outputFor(new Element([]));
  await expect(output.use({ id: "gone", label: "Gone" })).rejects.toMatchObject({ code: "cue_output" });
  expect(output.chosen).toBeNull();
});

it("falls back to the system's own when the remembered one is unplugged", async () => {
  const output = outputFor(new Element([]), { "cue.output": JSON.stringify({ id: "usb", label: "USB headphones" }) });
  await vi.waitFor(() => expect(lost).toHaveBeenCalled());
  expect(output.chosen).toBeNull();
});
