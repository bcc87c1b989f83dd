/** What anybody may know of the server's music: a track, its waveform. */

import type { Http } from "../realtime/http";
import type { Library } from "./model";
import type { TrackBody } from "./wire";

/** Waveforms of this many tracks are remembered: a room's queue at its longest. */
const MAX_PEAKS = 200;

export class BrowserLibrary implements Library {
  private readonly known = new Map<string, readonly number[]>();

  constructor(private readonly http: Http) {}

  track(id: string): Promise<TrackBody> {
    return this.http.get<TrackBody>(`/v1/tracks/${id}`);
  }

  async peaks(trackId: string): Promise<readonly number[] | null> {
    const known = this.known.get(trackId);
    if (known !== undefined) return known;
    const { peaks } = await this.track(trackId);
    if (peaks == null || peaks.length === 0) return null;
    this.known.set(trackId, peaks);
    const [oldest] = this.known.keys();
    if (this.known.size > MAX_PEAKS && oldest !== undefined) this.known.delete(oldest);
    return peaks;
  }
}
