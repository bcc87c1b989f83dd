/** Queues kept for another night. */

import type { Http } from "../realtime/http";
import type { SavedQueues } from "./model";
import type { QueueSummary, SavedQueue } from "./wire";

export class BrowserSavedQueues implements SavedQueues {
  constructor(private readonly http: Http) {}

  async list(): Promise<readonly QueueSummary[]> {
    return (await this.http.get<{ queues: QueueSummary[] }>("/v1/queues")).queues;
  }

  get(id: string): Promise<SavedQueue> {
    return this.http.get(`/v1/queues/${id}`);
  }

  save(name: string, trackIds: readonly string[]): Promise<SavedQueue> {
    return this.http.post("/v1/queues", { name, track_ids: trackIds });
  }

  replace(id: string, name: string, trackIds: readonly string[]): Promise<SavedQueue> {
    return this.http.put(`/v1/queues/${id}`, { name, track_ids: trackIds });
  }

  async remove(id: string): Promise<void> {
    await this.http.remove(`/v1/queues/${id}`);
  }
}
