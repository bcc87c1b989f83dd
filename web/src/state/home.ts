/** The rooms one may see, kept fresh while somebody looks. */

import type { Http } from "../realtime/http";
import { asProblem } from "../realtime/problem";
import { mayDo } from "./may";
import type { Accounts, Home, HomeView, Session } from "./model";
import { Cell } from "./readable";
import type { RoomBody, Settings } from "./wire";

const REFRESH_MS = 15_000;
const UNLISTED: Settings = { listed: false, when_dj_gone: "auto_dj" };

export class OpenHome extends Cell<HomeView> implements Home {
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly endings: (() => void)[] = [];

  constructor(
    private readonly http: Http,
    session: Session,
    private readonly accounts: Accounts,
  ) {
    super({ status: "loading", problem: null, rooms: [], mayCreate: false });
    const refresh = (): void => {
      if (document.visibilityState === "visible" && this.watched) void this.refresh();
    };
    this.timer = setInterval(refresh, REFRESH_MS);
    document.addEventListener("visibilitychange", refresh);
    this.endings.push(() => document.removeEventListener("visibilitychange", refresh));
    this.endings.push(
      session.subscribe(({ account }) => {
        this.set({ ...this.get(), mayCreate: mayDo(account, "open_room") });
        if (account === null) void this.askWhatGuestsMay();
        void this.refresh();
      }),
    );
  }

  async refresh(): Promise<void> {
    try {
      const { rooms } = await this.http.get<{ rooms: RoomBody[] }>("/v1/rooms", { as: "optional" });
      this.set({ ...this.get(), status: "ready", problem: null, rooms: livelyFirst(rooms) });
    } catch (thrown) {
      const status = this.get().status === "ready" ? "ready" : "failed";
      this.set({ ...this.get(), status, problem: asProblem(thrown) });
    }
  }

  /** Where anybody may open rooms, who has no name yet gets one on opening the first. */
  private async askWhatGuestsMay(): Promise<void> {
    const server = await this.accounts.server().catch(() => null);
    if (server?.may_open_rooms === "anyone") this.set({ ...this.get(), mayCreate: true });
  }

  async create(title: string, settings: Partial<Settings> = {}): Promise<RoomBody> {
    const body = await this.http.post<RoomBody>("/v1/rooms", { title, settings: { ...UNLISTED, ...settings } });
    void this.refresh();
    return body;
  }

  close(): void {
    clearInterval(this.timer);
    for (const end of this.endings) end();
  }
}

/** Where music plays comes first, where most people are before the others; otherwise in the server's order. */
export function livelyFirst(rooms: readonly RoomBody[]): readonly RoomBody[] {
  const plays = ({ playback }: RoomBody): number => (playback.playing && playback.track !== null ? 1 : 0);
  return [...rooms].sort((a, b) => plays(b) - plays(a) || b.listeners - a.listeners);
}
