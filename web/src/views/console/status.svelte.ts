/** How the library is: asked for as long as somebody looks, and one word about it. */

import { t, tn } from "../../i18n";
import type { Catalog, LibraryBody } from "../../state/model";

const CALM_MS = 15_000;
const BUSY_MS = 2_000;

export class Status {
  /** Null until it is known, and for those who may not know. */
  body = $state.raw<LibraryBody | null>(null);
  /** Somebody reads it closely. */
  close = $state(false);

  /** Call it while a component is set up. */
  constructor(catalog: Catalog) {
    $effect(() => {
      const close = this.close;
      let [wanted, timer] = [true, 0];
      const ask = async () => {
        if (document.visibilityState === "visible") this.body = await catalog.status().catch(() => this.body);
        if (wanted) timer = window.setTimeout(() => void ask(), close || this.busy ? BUSY_MS : CALM_MS);
      };
      void ask();
      return () => {
        wanted = false;
        clearTimeout(timer);
      };
    });
  }

  /** Another one when lists are worth asking for again: a scan is over, a folder came or went, the library has doubled. */
  get version(): string {
    const { body } = this;
    if (body === null) return "";
    return [Math.ceil(Math.log2(body.tracks + 1)), body.offline, ...body.scans.map(({ finished_ms }) => finished_ms)].join();
  }

  get busy(): boolean {
    return this.body !== null && (this.scanned !== null || this.encoding > 0);
  }

  /** Something waits for a person. */
  get trouble(): boolean {
    if (this.busy) return false;
    return (this.body?.encodes.failed.length ?? 0) > 0 || (this.body?.offline ?? 0) > 0 || this.failedScans > 0;
  }

  get text(): string {
    if (this.scanned !== null) return tn("status.scanning", this.scanned);
    if (this.encoding > 0) return tn("status.encoding", this.encoding);
    if ((this.body?.offline ?? 0) > 0) return tn("status.offline", this.body?.offline ?? 0);
    const failed = (this.body?.encodes.failed.length ?? 0) + this.failedScans;
    return failed > 0 ? tn("status.failed", failed) : t("status.open");
  }

  private get failedScans(): number {
    return this.body?.scans.filter(({ state }) => state === "failed").length ?? 0;
  }

  private get encoding(): number {
    return (this.body?.encodes.running.length ?? 0) + (this.body?.encodes.waiting ?? 0);
  }

  /** How many files the running scan has seen, or null. */
  private get scanned(): number | null {
    const running = this.body?.scans.filter(({ state }) => state === "scanning") ?? [];
    return running.length === 0 ? null : running.reduce((sum, { seen }) => sum + (seen ?? 0), 0);
  }
}
