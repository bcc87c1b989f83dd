/** The server's music for those who may browse it: tracks, albums, artists, and how the library is. */

import { address } from "../base";
import { refusalIn, type Credentials, type Http } from "../realtime/http";
import { asProblem, problem } from "../realtime/problem";
import type { Catalog, TracksWanted } from "./model";
import type { AlbumPage, ArtistPage, LibraryBody, TrackBody, TrackPage } from "./wire";

const PAGE = 50;
const LARGEST_PAGE = 100;

/** A day of music in one "album" is a folder without tags; what is more than this is not put in at once. */
const LONGEST_ALBUM = 500;

/** An hour of music is made in well under a minute, and sent at the speed of the line. */
const OGG_PATIENCE_MS = 300_000;

export class BrowserCatalog implements Catalog {
  constructor(
    private readonly http: Http,
    private readonly credentials: Credentials,
  ) {}

  tracks(wanted: TracksWanted, cursor: string | null = null): Promise<TrackPage> {
    const { query, album, artist, roomId } = wanted;
    return this.http.get(`/v1/tracks${asked({ limit: PAGE, q: query, album, artist, room: roomId, cursor })}`);
  }

  albums(wanted: { query?: string; artist?: string }, cursor: string | null = null): Promise<AlbumPage> {
    return this.http.get(`/v1/albums${asked({ limit: PAGE, q: wanted.query, artist: wanted.artist, cursor })}`);
  }

  artists(query: string, cursor: string | null = null): Promise<ArtistPage> {
    return this.http.get(`/v1/artists${asked({ limit: PAGE, q: query, cursor })}`);
  }

  async wholeAlbum(key: string): Promise<readonly TrackBody[]> {
    const tracks: TrackBody[] = [];
    for (let cursor: string | null = null; tracks.length < LONGEST_ALBUM; ) {
      const page: TrackPage = await this.http.get(`/v1/tracks${asked({ limit: LARGEST_PAGE, album: key, cursor })}`);
      tracks.push(...page.tracks);
      cursor = page.next ?? null;
      if (cursor === null) break;
    }
    return tracks;
  }

  status(): Promise<LibraryBody> {
    return this.http.get("/v1/library");
  }

  async scan(): Promise<void> {
    await this.http.post("/v1/library/scan", {});
  }

  async remove(trackId: string): Promise<void> {
    await this.http.remove(`/v1/tracks/${trackId}`);
  }

  async ogg(trackId: string, roomId: string | null): Promise<Blob> {
    const path = `/v1/tracks/${trackId}/ogg${asked({ room: roomId })}`;
    for (let waitedMs = 0; ; ) {
      try {
        return await this.music(path);
      } catch (thrown) {
        // It is being made.
        const { code, retryAfterMs } = asProblem(thrown);
        if (code !== "unavailable" || retryAfterMs === null || waitedMs > OGG_PATIENCE_MS) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
        waitedMs += retryAfterMs;
      }
    }
  }

  private async music(path: string): Promise<Blob> {
    const token = await this.credentials.token();
    const first = await fetched(path, token);
    return blobOf(first.status === 401 ? await fetched(path, await this.credentials.renew(token)) : first);
  }
}

/** The query of a request; what is empty is left out. */
export function asked(parameters: Readonly<Record<string, string | number | null | undefined>>): string {
  const said = Object.entries(parameters).filter(([, value]) => value != null && String(value).trim() !== "");
  const query = new URLSearchParams(said.map(([name, value]) => [name, String(value).trim()])).toString();
  return query === "" ? "" : `?${query}`;
}

async function fetched(path: string, token: string): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(OGG_PATIENCE_MS);
    return await fetch(address(path), { headers: { Authorization: `Bearer ${token}` }, signal });
  } catch (thrown) {
    throw problem((thrown as Error).name === "TimeoutError" ? "timeout" : "offline");
  }
}

async function blobOf(response: Response): Promise<Blob> {
  if (response.ok) return response.blob().catch(() => Promise.reject(problem("offline")));
  const body: unknown = await response.json().catch(() => null);
  throw refusalIn(response.status, body);
}
