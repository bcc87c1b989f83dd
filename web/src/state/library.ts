/** The server's music: search, waveforms, uploads. */

import type { Credentials, Http } from "../realtime/http";
import type { Library, Readable, Upload } from "./model";
import { Uploads } from "./uploads";
import type { TrackBody, TrackPage } from "./wire";

const PAGE = 50;

/** Waveforms of this many tracks are remembered: a room's queue at its longest. */
const MAX_PEAKS = 200;

export class BrowserLibrary implements Library {
  readonly uploads: Readable<readonly Upload[]>;
  private readonly uploading: Uploads;
  private readonly known = new Map<string, readonly number[]>();

  constructor(
    private readonly http: Http,
    credentials: Credentials,
  ) {
    this.uploading = new Uploads(http, credentials);
    this.uploads = this.uploading;
  }

  search(query: string, cursor: string | null = null): Promise<TrackPage> {
    const parameters = new URLSearchParams({ limit: String(PAGE) });
    if (query.trim() !== "") parameters.set("q", query.trim());
    if (cursor !== null) parameters.set("cursor", cursor);
    return this.http.get<TrackPage>(`/v1/tracks?${parameters.toString()}`);
  }

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

  upload(files: readonly File[], onReady?: (track: TrackBody) => void): void {
    this.uploading.add(files, onReady);
  }

  dismiss(key: string): void {
    this.uploading.dismiss(key);
  }
}
