/**
 * `room:<id>` over the socket: join with what was seen last, commands as promises, logged events in order.
 *
 * The server repairs gaps before it writes; `prev` is the proof. Should an event not follow the one before it, the
 * room is left and joined anew from scratch, and `gaps` counts it.
 */

import type { Channel, Socket } from "phoenix";
import type { JoinReply, LogPosition } from "../state/wire";
import { isRefusal, problem, refused, type ProblemError } from "./problem";

export type Payload = Record<string, unknown>;

/** What a join asks with; read anew for every join and rejoin. */
export interface JoinPayload {
  readonly device: string;
  readonly access_token: string;
  readonly after?: LogPosition;
}

export interface RoomChannelEvents {
  /** Joined; `resumed` when the reply continues where this page stood, false for a join from scratch. */
  joined(reply: JoinReply, resumed: boolean): void;
  event(name: string, payload: Payload): void;
  /** The socket or the channel is gone and comes back by itself. */
  lost(): void;
  /** The server refused the join. Passing refusals and `unauthorized` are tried again by themselves. */
  refusedJoin(refusal: ProblemError): void;
  /** The server closed the room for this person, for good. */
  closed(refusal: ProblemError): void;
}

/** Refusals of a join that stay: trying again would only repeat them. */
const FINAL = new Set(["banned", "kicked", "ended", "not_found", "forbidden", "invalid"]);

const PUSH_TIMEOUT_MS = 10_000;
const REOPEN_MS = 1_000;
const LONGEST_REJOIN_MS = 30_000;

export class RoomChannel {
  private channel: Channel | null = null;
  private position: LogPosition | null = null;
  private asked = false;
  private stopped = false;
  private reopening: ReturnType<typeof setTimeout> | undefined;
  private live = false;
  /** Commands whose answer is awaited; a lost socket answers none of them. */
  private readonly inFlight = new Set<(refusal: ProblemError) => void>();
  gaps = 0;

  constructor(
    private readonly socket: Socket,
    private readonly topic: string,
    private readonly credentials: () => { device: string; access_token: string },
    private readonly events: RoomChannelEvents,
  ) {}

  /** Joins, and from then on rejoins by itself until `close` or a final refusal. */
  open(): void {
    const channel = this.socket.channel(this.topic, () => this.joinPayload());
    this.channel = channel;
    channel.onMessage = (event: string, payload: unknown) => {
      if (this.channel === channel) this.receive(event, payload);
      return payload;
    };
    channel.onError((payload: unknown) => this.lost(channel, payload));
    channel.onClose((payload: unknown) => this.closedBy(channel, payload));
    channel
      .join(PUSH_TIMEOUT_MS)
      .receive("ok", (reply: JoinReply) => this.joined(channel, reply))
      .receive("error", (body: unknown) => this.refusedBy(channel, body))
      .receive("timeout", () => this.lost(channel));
  }

  get isLive(): boolean {
    return this.live;
  }

  /** Sends a command. Rejects with the server's refusal, `timeout`, or `offline` when the room is not joined. */
  push<Reply>(command: string, payload: object): Promise<Reply> {
    const channel = this.channel;
    if (channel === null || !this.live) return Promise.reject(problem("offline"));
    return new Promise((resolve, reject) => {
      this.inFlight.add(reject);
      const no = (refusal: ProblemError): void => {
        this.inFlight.delete(reject);
        reject(refusal);
      };
      channel
        .push(command, payload, PUSH_TIMEOUT_MS)
        .receive("ok", (reply: Reply) => {
          this.inFlight.delete(reject);
          resolve(reply);
        })
        .receive("error", (body: unknown) => no(isRefusal(body) ? refused(body) : problem("internal")))
        .receive("timeout", () => no(problem("timeout")));
    });
  }

  close(): void {
    this.stopped = true;
    this.drop();
  }

  private joinPayload(): JoinPayload {
    const { position } = this;
    this.asked = position !== null;
    return position === null ? this.credentials() : { ...this.credentials(), after: position };
  }

  private joined(channel: Channel, reply: JoinReply): void {
    if (this.channel !== channel) return;
    const resumed = this.asked && reply.events !== undefined && reply.reset !== true;
    this.position = reply.position;
    this.live = true;
    this.events.joined(reply, resumed);
  }

  private receive(event: string, payload: unknown): void {
    if (event.startsWith("phx_") || event.startsWith("chan_reply_") || !this.live) return;
    if (typeof payload !== "object" || payload === null) return;
    const fields = payload as Payload;
    if (typeof fields["seq"] === "number" && !this.follows(fields)) return;
    this.events.event(event, fields);
  }

  /** Whether a logged event is the next one; starts over when one is missing. */
  private follows(event: Payload): boolean {
    const position = this.position;
    const seq = event["seq"] as number;
    if (position === null || seq <= position.seq) return false;
    if (event["prev"] !== position.seq) {
      this.gaps += 1;
      this.startOver();
      return false;
    }
    this.position = { epoch: position.epoch, seq, key: String(event["key"]) };
    return true;
  }

  /** Joins anew, from scratch. */
  startOver(): void {
    if (this.stopped) return;
    this.position = null;
    this.drop();
    this.events.lost();
    this.reopenAfter(this.gaps <= 1 ? 0 : REOPEN_MS);
  }

  /** Joins anew after `ms` instead of when the Phoenix client would, with what was seen last. */
  private rejoinAfter(ms: number): void {
    this.drop();
    this.reopenAfter(Math.min(ms, LONGEST_REJOIN_MS));
  }

  private reopenAfter(ms: number): void {
    clearTimeout(this.reopening);
    this.reopening = setTimeout(() => this.open(), ms);
  }

  private away(): void {
    this.live = false;
    for (const reject of this.inFlight) reject(problem("offline"));
    this.inFlight.clear();
  }

  /** Gone for now. When everybody in the room has to join again, the server gives each another moment. */
  private lost(channel: Channel, payload?: unknown): void {
    if (this.channel !== channel || this.stopped) return;
    this.away();
    if (isRefusal(payload) && payload.retry_after_ms !== undefined) this.rejoinAfter(payload.retry_after_ms);
    this.events.lost();
  }

  private refusedBy(channel: Channel, body: unknown): void {
    if (this.channel !== channel) return;
    const refusal = isRefusal(body) ? refused(body) : problem("internal");
    this.away();
    if (FINAL.has(refusal.code)) this.close();
    else if (refusal.retryAfterMs !== null) this.rejoinAfter(refusal.retryAfterMs);
    this.events.refusedJoin(refusal);
  }

  /** `phx_close` with a lasting code is final; otherwise the channel is opened again. */
  private closedBy(channel: Channel, payload: unknown): void {
    if (this.channel !== channel || this.stopped) return;
    this.away();
    this.channel = null;
    const refusal = isRefusal(payload) ? refused(payload) : null;
    if (refusal !== null && FINAL.has(refusal.code)) {
      this.stopped = true;
      this.events.closed(refusal);
      return;
    }
    if (refusal === null) this.events.lost();
    else this.events.refusedJoin(refusal);
    this.reopenAfter(REOPEN_MS);
  }

  private drop(): void {
    clearTimeout(this.reopening);
    const channel = this.channel;
    this.channel = null;
    this.away();
    channel?.leave();
  }
}
