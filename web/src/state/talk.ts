/** What one may say in a room: lines that show at once and are sent in order, edits, history, "is writing". */

import type { Http } from "../realtime/http";
import { problem } from "../realtime/problem";
import { randomId } from "../realtime/random";
import { withAcknowledged, withoutUnsent, withProblem, withUnsent, type Chat } from "./chat";
import { backFill, loadOlder } from "./history";
import { Outgoing } from "./outgoing";
import type { Parts } from "./parts";
import { Typing } from "./typing";
import type { JoinReply, User } from "./wire";

export interface TalkHost {
  readonly http: Http;
  push<Reply>(command: string, payload: object): Promise<Reply>;
  parts(): Parts | null;
  amend(change: (chat: Chat) => Chat): void;
  serverNow(): number;
  changed(): void;
}

export class Talk {
  loadingOlder = false;
  private readonly outgoing: Outgoing;
  private readonly typing: Typing;

  constructor(private readonly host: TalkHost) {
    this.typing = new Typing(() => host.changed());
    this.outgoing = new Outgoing({
      send: (line) => host.push("chat:send", line),
      acknowledged: (nonce, id) => host.amend((chat) => withAcknowledged(chat, nonce, id)),
      failed: (nonce, refusal) => host.amend((chat) => withProblem(chat, nonce, refusal)),
    });
  }

  get typists(): readonly string[] {
    return this.typing.names;
  }

  say(text: string, replyTo: string | null): void {
    const trimmed = text.trim();
    const me = this.host.parts()?.me.user;
    if (trimmed === "" || me === undefined) return;
    const nonce = randomId();
    const atMs = Math.round(this.host.serverNow());
    this.host.amend((chat) => withUnsent(chat, { nonce, user: me, text: trimmed, atMs, replyTo, problem: null }));
    this.hand(nonce, trimmed, replyTo);
  }

  retry(nonce: string): void {
    const line = this.host.parts()?.chat.unsent.find((unsent) => unsent.nonce === nonce);
    if (line === undefined || line.problem === null) return;
    this.host.amend((chat) => withProblem(chat, nonce, null));
    this.hand(nonce, line.text, line.replyTo);
  }

  discard(nonce: string): void {
    this.outgoing.remove(nonce);
    this.host.amend((chat) => withoutUnsent(chat, nonce));
  }

  async edit(id: string, text: string): Promise<void> {
    await this.host.push("chat:edit", { id, text: text.trim() });
  }

  async remove(id: string): Promise<void> {
    await this.host.push("chat:delete", { id });
  }

  /** This person is writing. */
  writes(): void {
    if (this.typing.shouldSend(Date.now())) this.host.push("typing", {}).catch(() => undefined);
  }

  /** Somebody is writing; oneself is not news. */
  hears(user: User): void {
    if (user.id !== this.host.parts()?.me.user.id) this.typing.heard(user);
  }

  /** Their line has arrived. */
  heard(user: User): void {
    this.typing.stopped(user.id);
  }

  async older(): Promise<void> {
    const parts = this.host.parts();
    if (parts === null || this.loadingOlder || !parts.chat.hasOlder) return;
    this.loadingOlder = true;
    this.host.changed();
    try {
      await loadOlder(this.host.http, parts.room.id, parts.chat, (change) => this.host.amend(change));
    } finally {
      this.loadingOlder = false;
      this.host.changed();
    }
  }

  /** Joined again: lines that wait are sent, and after a reset what was missed is read. */
  joined(reply: JoinReply, missedSince: Chat | null): void {
    this.outgoing.resume();
    if (missedSince === null) return;
    const amend = (change: (chat: Chat) => Chat): void => this.host.amend(change);
    // The newest page is there already; after a failure the next reset or scroll reads the rest.
    backFill(this.host.http, reply.room.id, missedSince, reply.messages, amend).catch(() => undefined);
  }

  close(): void {
    this.typing.clear();
  }

  private hand(nonce: string, text: string, replyTo: string | null): void {
    const taken = this.outgoing.add(replyTo === null ? { nonce, text } : { nonce, text, reply_to: replyTo });
    if (!taken) this.host.amend((chat) => withProblem(chat, nonce, problem("rate_limited")));
  }
}
