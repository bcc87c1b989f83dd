/**
 * What a tab is over a reload: the same device, and still listening. Any other tab is another device.
 *
 * A browser copies a tab's memory when the tab is duplicated, and two tabs of one name would both lead the room. So
 * while the page lives nothing stands in that memory; it is written when the page goes and taken when it comes.
 */

import { randomId } from "../realtime/random";
import type { Memory } from "./storage";

export class Tab {
  /** The name of this tab as a device. */
  readonly device: string;
  /** The slug of the room that sounds here; after a reload, of the one that did. */
  listening: string | null;

  constructor(
    private readonly memory: Memory,
    page: EventTarget,
  ) {
    this.device = memory.read("device") ?? randomId();
    this.listening = memory.read("listening");
    this.forget();
    page.addEventListener("pagehide", () => {
      memory.write("device", this.device);
      memory.write("listening", this.listening);
    });
    // Back from the browser's cache of whole pages.
    page.addEventListener("pageshow", () => this.forget());
  }

  private forget(): void {
    this.memory.write("device", null);
    this.memory.write("listening", null);
  }
}
