/** What a DJ works with, in one part of the page that listeners do not load. */

import { CuePlayer } from "../player/cue";
import type { Credentials, Http } from "../realtime/http";
import { asked, BrowserCatalog } from "./catalog";
import type { Desk } from "./model";
import { BrowserSavedQueues } from "./saved_queues";
import { browserMemory } from "./storage";
import { BrowserUploads } from "./uploads";
import type { PlayPage, TrackBody } from "./wire";

const PLAYS = 100;

export function openDesk(http: Http, credentials: Credentials): Desk {
  return {
    catalog: new BrowserCatalog(http, credentials),
    uploads: new BrowserUploads(http, credentials),
    queues: new BrowserSavedQueues(http),
    cue: new CuePlayer((id) => http.get<TrackBody>(`/v1/tracks/${id}`), browserMemory),
    plays: (roomId, before = null) =>
      http.get<PlayPage>(`/v1/rooms/${roomId}/plays${asked({ limit: PLAYS, before })}`),
  };
}
