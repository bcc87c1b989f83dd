/** One open room: the socket, the clock, the parts, the player and the chat, as one thing for the views. */

import { Keys } from "../player/keys";
import { Player } from "../player/player";
import { prefetchPlayer } from "../player/source";
import { asProblem, problem, type ProblemError } from "../realtime/problem";
import type { Http } from "../realtime/http";
import { RoomChannel, type Payload } from "../realtime/room_channel";
import { ServerClock } from "../realtime/server_clock";
import type { Socket } from "phoenix";
import type { Chat } from "./chat";
import { makeConsole } from "./console";
import type { Console, Problem, Reaction, Room, RoomStatus, RoomView } from "./model";
import { afterEvent, afterReset, afterResume, type Parts } from "./parts";
import { Cell } from "./readable";
import { Reporter, reportOf } from "./reporter";
import type { BrowserSession } from "./session";
import { browserMemory } from "./storage";
import type { Tab } from "./tab";
import { Talk } from "./talk";
import { caughtUp, nextChangeMs, shownPositionAt } from "./timeline";
import { beforeAnything, syncView, ViewMaker } from "./view";
import type { JoinReply, Playback, RoomBody, User } from "./wire";

export interface RoomHost {
  readonly socket: Socket;
  readonly http: Http;
  readonly session: BrowserSession;
  readonly tab: Tab;
}

/** A little below what makes the server move the room, which it does after two such reports. */
const REPORT_AT_ONCE_MS = 30;

const OPEN_RETRY_MS = [500, 1_000, 2_000, 4_000] as const;
const FINAL_STATUS: Readonly<Record<string, RoomStatus>> = { kicked: "kicked", banned: "banned", ended: "ended" };

export class OpenRoom extends Cell<RoomView> implements Room {
  readonly dj: Console;
  private readonly maker: ViewMaker;
  private readonly player: Player;
  private readonly clock: ServerClock;
  private readonly keys = new Keys(this);
  private readonly talk: Talk;
  private readonly reporter: Reporter;
  private readonly reactionListeners = new Set<(counts: Readonly<Record<string, number>>) => void>();
  private readonly endings: (() => void)[] = [];
  private channel: RoomChannel | null = null;
  private parts: Parts | null = null;
  private status: RoomStatus = "connecting";
  private problem: Problem | null = null;
  private wantsSound = false;
  private closed = false;
  private turn: ReturnType<typeof setTimeout> | undefined;
  private refreshing = false;

  constructor(
    readonly slug: string,
    private readonly host: RoomHost,
  ) {
    const maker = new ViewMaker();
    super(maker.make(beforeAnything, null));
    this.maker = maker;
    this.clock = new ServerClock(
      (t1) => this.askClock(t1),
      () => this.refresh(),
    );
    this.player = new Player(this.playerHost(), browserMemory);
    this.talk = new Talk({
      http: host.http,
      push: (command, payload) => this.push(command, payload),
      parts: () => this.parts,
      amend: (change) => this.amend(change),
      serverNow: () => this.clock.now(),
      changed: () => this.refresh(),
    });
    this.reporter = new Reporter(() => this.report());
    this.dj = makeConsole({
      push: (command, payload) => this.push(command, payload),
      http: host.http,
      roomId: () => this.parts?.room.id ?? null,
      entryId: () => this.now()?.playback.entry_id ?? null,
      tapped: () => (this.wantsSound ? undefined : this.listen()),
    });
    this.watchPage();
    // A reloaded page goes on, or asks for the one tap that the browser wants.
    if (host.tab.listening === slug) this.listen();
    void this.open();
  }

  // Where the music is

  positionNow(): number {
    const positionMs = this.player.positionMs;
    if (positionMs !== null) return positionMs;
    const now = this.now();
    return now === null ? 0 : shownPositionAt(now.playback, this.clock.now());
  }

  serverNow(): number {
    return this.clock.now();
  }

  /** Position and server time of one moment, for tests and measurements. */
  probe(): { serverNowMs: number; positionMs: number; entryId: string | null; playing: boolean; errMs: number | null } {
    const heard = this.player.soundingEntryId;
    const errMs = this.player.rawErrorMs;
    const [positionMs, serverNowMs] = [this.positionNow(), this.clock.now()];
    return { serverNowMs, positionMs, entryId: heard, playing: heard !== null, errMs };
  }

  // Listening

  listen(): void {
    this.wantsSound = true;
    this.host.tab.listening = this.slug;
    this.player.listen();
    this.reporter.start();
  }

  stopListening(): void {
    this.host.tab.listening = null;
    this.player.stop();
    this.reporter.stop();
    this.refresh();
  }

  setVolume(volume: number): void {
    this.player.output.setVolume(volume);
    this.refresh();
  }

  setMuted(muted: boolean): void {
    this.player.output.setMuted(muted);
    this.refresh();
  }

  // Chat

  say(text: string, replyTo: string | null = null): void {
    this.talk.say(text, replyTo);
  }

  retry(key: string): void {
    this.talk.retry(key);
  }

  discard(key: string): void {
    this.talk.discard(key);
  }

  edit(id: string, text: string): Promise<void> {
    return this.talk.edit(id, text);
  }

  remove(id: string): Promise<void> {
    return this.talk.remove(id);
  }

  typing(): void {
    this.talk.writes();
  }

  older(): Promise<void> {
    return this.talk.older();
  }

  react(emoji: Reaction): void {
    this.push("reaction", { emoji }).catch(() => undefined);
  }

  onReactions(listener: (counts: Readonly<Record<string, number>>) => void): () => void {
    this.reactionListeners.add(listener);
    return () => this.reactionListeners.delete(listener);
  }

  // Life

  reopen(): void {
    if (this.status !== "failed") return;
    this.become("connecting", null);
    void this.open();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.host.tab.listening === this.slug) this.host.tab.listening = null;
    for (const end of this.endings) end();
    clearTimeout(this.turn);
    this.clock.stop();
    this.reporter.stop();
    this.talk.close();
    this.player.destroy();
    this.keys.clear();
    this.channel?.close();
  }

  private async open(): Promise<void> {
    try {
      const body = await this.find();
      if (this.closed) return;
      const { socket, session, tab } = this.host;
      const credentials = (): { device: string; access_token: string } => ({
        device: tab.device,
        access_token: session.currentToken(),
      });
      this.channel = new RoomChannel(socket, `room:${body.room.id}`, credentials, {
        joined: (reply, resumed) => this.onJoined(reply, resumed),
        event: (name, payload) => this.onEvent(name, payload),
        lost: () => this.onLost(),
        refusedJoin: (refusal) => void this.onRefusedJoin(refusal),
        closed: (refusal) => this.finish(refusal),
      });
      this.channel.open();
    } catch (thrown) {
      this.finish(asProblem(thrown));
    }
  }

  /** Finds the room by its slug, however long the server is away. */
  private async find(): Promise<RoomBody> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.host.http.get<RoomBody>(`/v1/rooms/${encodeURIComponent(this.slug)}`);
      } catch (thrown) {
        const refusal = asProblem(thrown);
        if (!refusal.passing || this.closed) throw refusal;
        const step = OPEN_RETRY_MS[Math.min(tries, OPEN_RETRY_MS.length - 1)] ?? 4_000;
        await new Promise((resolve) => setTimeout(resolve, refusal.retryAfterMs ?? step));
      }
    }
  }

  private onJoined(reply: JoinReply, resumed: boolean): void {
    const before = this.parts;
    this.parts = resumed && before !== null ? afterResume(before, reply) : afterReset(before, reply);
    // Another epoch is another process, and may be another clock.
    if (resumed) this.clock.burst();
    else this.clock.restart();
    this.become(reply.room.state === "ended" ? "ended" : "live", null);
    this.followRoom();
    this.talk.joined(reply, resumed ? null : (before?.chat ?? null));
    this.prefetch();
  }

  private onEvent(name: string, payload: Payload): void {
    if (this.parts === null) return;
    if (name === "reactions") {
      for (const listener of this.reactionListeners) listener(payload as Record<string, number>);
      return;
    }
    if (name === "typing") return this.talk.hears(payload["user"] as User);
    if (name === "chat") this.talk.heard(payload["user"] as User);
    this.parts = afterEvent(this.parts, name, payload);
    if (name === "playback" || name === "queue") this.followRoom();
    if (this.parts.room.state === "ended" && this.status === "live") this.become("ended", null);
    this.refresh();
  }

  private onLost(): void {
    if (this.status === "live") this.become("reconnecting", null);
  }

  private async onRefusedJoin(refusal: ProblemError): Promise<void> {
    if (refusal.code === "unauthorized") {
      // The channel rejoins by itself; this only has a better token ready.
      await this.host.session.renew(this.host.session.currentToken()).catch(() => undefined);
    } else if (!refusal.passing) {
      this.finish(refusal);
    }
  }

  private finish(refusal: ProblemError): void {
    this.become(FINAL_STATUS[refusal.code] ?? "failed", refusal);
    if (this.status !== "failed") this.stopListening();
  }

  private become(status: RoomStatus, why: Problem | null): void {
    this.status = status;
    this.problem = why;
    this.refresh();
  }

  // Inside

  private get leads(): boolean {
    return this.parts?.playback.device === this.host.tab.device;
  }

  private now(): { playback: Playback; entries: RoomView["queue"] } | null {
    if (this.parts === null) return null;
    const { playback, queue } = caughtUp(this.parts.playback, this.parts.queue, this.clock.now());
    return { playback, entries: queue.entries };
  }

  private followRoom(): void {
    if (this.parts === null) return;
    this.player.follow(this.parts.playback, this.parts.queue);
    clearTimeout(this.turn);
    const nowMs = this.clock.now();
    const changeMs = nextChangeMs(caughtUp(this.parts.playback, this.parts.queue, nowMs).playback, nowMs);
    if (changeMs !== null) this.turn = setTimeout(() => this.turned(), Math.min(changeMs - nowMs + 1, 2 ** 31 - 1));
  }

  private turned(): void {
    this.followRoom();
    this.refresh();
  }

  private amend(change: (chat: Chat) => Chat): void {
    if (this.parts === null) return;
    this.parts = { ...this.parts, chat: change(this.parts.chat) };
    this.refresh();
  }

  private push<Reply>(command: string, payload: object): Promise<Reply> {
    return this.channel === null ? Promise.reject(problem("offline")) : this.channel.push<Reply>(command, payload);
  }

  private async askClock(t1: number): Promise<{ t1: number; t2: number; t3: number; err_ms: number } | null> {
    return this.push<{ t1: number; t2: number; t3: number; err_ms: number }>("clock", { t1 }).catch(() => null);
  }

  private playerHost(): ConstructorParameters<typeof Player>[0] {
    return {
      serverNow: () => this.clock.now(),
      leads: () => this.leads,
      renew: () => this.renewPlaylist(),
      // The room is moved to a DJ who is away from it as soon as that is known, not with the next regular report.
      measured: (errorMs, settled) => {
        if (settled || Math.abs(errorMs) > REPORT_AT_ONCE_MS) this.report(settled ? errorMs : undefined);
      },
      changed: () => this.refresh(),
    };
  }

  private async renewPlaylist(): Promise<string | null> {
    type Renewed = Partial<Playback> & { playback?: Playback };
    const reply = await this.push<Renewed>("playback:get", {}).catch(() => null);
    return (reply?.playback ?? reply)?.track?.hls ?? null;
  }

  /** `settledMs`: how far it is from the room after a start, better known than this moment's position. */
  private report(settledMs?: number): void {
    if (!this.leads || this.parts === null || (this.player.positionMs === null && !this.player.stalled)) return;
    const [atMs, positionMs, { stalled }] = [this.clock.now(), this.positionNow(), this.player];
    const playback = this.now()?.playback ?? this.parts.playback;
    this.push("playback:report", reportOf(playback, { atMs, positionMs, stalled, settledMs })).catch(() => undefined);
  }

  /** What a tap on "listen" will need is fetched while nobody waits for it. */
  private prefetch(): void {
    const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 300));
    idle(() => void prefetchPlayer(this.parts?.playback.track?.hls ?? null).catch(() => undefined));
  }

  private watchPage(): void {
    const shown = (): void => {
      if (document.visibilityState !== "visible") return;
      if (!this.clock.checkLeap() && this.channel?.isLive === true) this.clock.burst();
      this.player.wake();
      this.turned();
    };
    document.addEventListener("visibilitychange", shown);
    this.endings.push(() => document.removeEventListener("visibilitychange", shown));
    this.endings.push(this.host.session.onToken((token) => this.onToken(token)));
  }

  /** The same person's token keeps the channel open; somebody else (the owner's link) joins anew. */
  private onToken(token: string): void {
    const isMe = this.parts?.me.user.id === this.host.session.get().account?.id;
    if (!isMe) this.channel?.startOver();
    else this.push("access_token", { access_token: token }).catch(() => undefined);
  }

  /** Draws once per task, however much has changed in it. */
  private refresh(): void {
    if (this.refreshing || this.closed) return;
    this.refreshing = true;
    queueMicrotask(() => {
      this.refreshing = false;
      if (this.closed) return;
      this.set(this.view());
      if (this.wantsSound) this.keys.show(this.get(), this.positionNow());
    });
  }

  private view(): RoomView {
    const { status, problem: why, parts } = this;
    const listen = this.player.view();
    const sync = syncView(this.player.errorMs, this.player.positionMs !== null, this.clock);
    const heardEntryId = this.player.soundingEntryId;
    const { typists: typing, loadingOlder } = this.talk;
    const ingredients = { status, problem: why, parts, now: this.now(), heardEntryId, loadingOlder, typing, listen, sync };
    return this.maker.make(ingredients, this.get());
  }
}
