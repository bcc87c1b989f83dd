/**
 * Who this browser is: a guest without a form, or the server's owner by the printed link.
 *
 * Tokens are kept for all tabs. A refresh token works once, so only one tab refreshes at a time; the others take
 * over what it got. `navigator.locks` would do this but is missing on a LAN address over plain http.
 */

import { exchange, outcome, type Credentials } from "../realtime/http";
import { asProblem, problem, ProblemError } from "../realtime/problem";
import { randomBelow, randomId } from "../realtime/random";
import type { Account, Session, SessionView, Tokens } from "./model";
import { friendlyName } from "./names";
import { Cell } from "./readable";
import { browserMemory, changedElsewhere, type Memory } from "./storage";

interface Kept {
  readonly access: string;
  readonly refresh: string;
  /** By this machine's clock, so that its being wrong does not matter. */
  readonly receivedMs: number;
  readonly livesMs: number;
  readonly account: Account;
}

const KEY = "session";
const LOCK_KEY = "session.refreshing";
const LOCK_MS = 12_000;
const LOCK_SETTLES_MS = 40;
const LOCK_TRIES = 80;
const REFRESH_AT = 0.8;
const RETRY_MS = 15_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class BrowserSession extends Cell<SessionView> implements Session, Credentials {
  private kept: Kept | null;
  private busy: Promise<string> | null = null;
  /** While an owner's code is being checked nobody is made a guest. */
  private claiming: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly tokenListeners = new Set<(token: string) => void>();
  private readonly tab = randomId();

  constructor(private readonly memory: Memory = browserMemory) {
    const kept = readKept(memory);
    super({ account: kept?.account ?? null, problem: null });
    this.kept = kept;
    this.schedule();
    window.addEventListener("storage", (event) => {
      if (changedElsewhere(event, KEY)) this.adopt();
    });
  }

  async token(): Promise<string> {
    await this.claiming;
    const kept = this.kept;
    if (kept !== null && usableMs(kept) > 5_000) return kept.access;
    return this.once(() => (this.kept === null ? this.becomeGuest() : this.refresh(this.kept.access)));
  }

  async tokenIfAny(): Promise<string | null> {
    await this.claiming;
    return this.kept === null ? null : this.token();
  }

  /** The last known token, for places that cannot wait; empty when there is none. */
  currentToken(): string {
    return this.kept?.access ?? "";
  }

  async renew(rejected: string): Promise<string> {
    if (this.kept !== null && this.kept.access !== rejected) return this.token();
    return this.once(() => this.refresh(rejected));
  }

  /** Called with each new token of the same person; sockets are told. */
  onToken(listener: (token: string) => void): () => void {
    this.tokenListeners.add(listener);
    return () => this.tokenListeners.delete(listener);
  }

  async rename(name: string): Promise<void> {
    const answer = await exchange("PATCH", "/v1/me", await this.token(), { body: { name } });
    const account = outcome<Account>(answer);
    if (this.kept === null) return;
    // The new name stands in a new token, which every open room takes over; only then is it shown as taken.
    const { access } = this.kept;
    try {
      await this.once(() => this.refresh(access));
    } finally {
      this.learn(account);
    }
  }

  async becomeOwner(code: string): Promise<void> {
    const claim = this.claim(code);
    this.claiming = claim.catch(() => undefined).finally(() => (this.claiming = null));
    await claim;
  }

  /** Somebody has signed in with a password. */
  enter(tokens: Tokens): void {
    this.keep(tokens);
  }

  /** What the server says of this account now. */
  learn(account: Account): void {
    if (this.kept?.account.id === account.id) this.store({ ...this.kept, account: this.known(account) });
  }

  async signOut(): Promise<void> {
    const refresh = this.kept?.refresh;
    if (refresh === undefined) return;
    this.store(null);
    // Who cannot reach the server is signed out here all the same; there the sign-in ends by its age.
    await exchange("POST", "/v1/auth/logout", null, { body: { refresh_token: refresh } }).catch(() => undefined);
  }

  /** The account is gone on the server. */
  forget(): void {
    this.store(null);
  }

  /** Forgets its timers; for tests, a page's session lives as long as the page. */
  close(): void {
    clearTimeout(this.timer);
  }

  private async claim(code: string): Promise<void> {
    try {
      this.keep(outcome<Tokens>(await exchange("POST", "/v1/auth/owner", null, { body: { code } })));
    } catch (thrown) {
      const refusal = asProblem(thrown);
      const why = refusal.passing ? refusal : problem("owner_code");
      this.set({ ...this.get(), problem: why });
      throw why;
    }
  }

  private once(work: () => Promise<string>): Promise<string> {
    this.busy ??= work().finally(() => (this.busy = null));
    return this.busy;
  }

  private async becomeGuest(name: string = friendlyName(randomBelow)): Promise<string> {
    return this.keep(outcome<Tokens>(await exchange("POST", "/v1/auth/guest", null, { body: { name } })));
  }

  private async refresh(rejected: string): Promise<string> {
    for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
      this.adopt();
      if (this.kept === null) return this.becomeGuest();
      if (this.kept.access !== rejected && usableMs(this.kept) > 0) return this.kept.access;
      if (await this.locked()) return this.refreshLocked(this.kept);
      await pause(150);
    }
    throw problem("timeout");
  }

  private async refreshLocked(kept: Kept): Promise<string> {
    try {
      const answer = await exchange("POST", "/v1/auth/refresh", null, { body: { refresh_token: kept.refresh } });
      return this.keep(outcome<Tokens>(answer));
    } catch (thrown) {
      if (!(thrown instanceof ProblemError) || thrown.code !== "unauthorized") throw thrown;
      return await this.startAgain(kept);
    } finally {
      this.memory.write(LOCK_KEY, null);
    }
  }

  /** The refresh token is used up or 30 days old: a guest goes on as a new one, anybody else is signed out. */
  private async startAgain(kept: Kept): Promise<string> {
    this.store(null);
    if (kept.account.role === "guest") return this.becomeGuest(kept.account.name);
    this.set({ account: null, problem: problem("unauthorized") });
    throw problem("unauthorized");
  }

  /** Takes the lock among the tabs. Writing and reading back after a moment leaves one winner. */
  private async locked(): Promise<boolean> {
    const holder = this.memory.read(LOCK_KEY)?.split(" ");
    if (holder !== undefined && holder[0] !== this.tab && Number(holder[1]) > Date.now()) return false;
    this.memory.write(LOCK_KEY, `${this.tab} ${Date.now() + LOCK_MS}`);
    await pause(LOCK_SETTLES_MS);
    return this.memory.read(LOCK_KEY)?.split(" ")[0] === this.tab;
  }

  private keep(tokens: Tokens): string {
    this.store({
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      receivedMs: Date.now(),
      livesMs: tokens.expires_in_s * 1_000,
      account: this.known(tokens.user),
    });
    return tokens.access_token;
  }

  /** Most answers tell less of an account than `/v1/me` did. */
  private known(account: Account): Account {
    const before = this.kept?.account;
    return before?.id === account.id ? { ...before, ...account } : account;
  }

  private store(kept: Kept | null): void {
    this.memory.write(KEY, kept === null ? null : JSON.stringify(kept));
    this.use(kept);
  }

  private adopt(): void {
    const kept = readKept(this.memory);
    if (JSON.stringify(kept) !== JSON.stringify(this.kept)) this.use(kept);
  }

  private use(kept: Kept | null): void {
    const before = this.kept;
    this.kept = kept;
    this.schedule();
    this.set({ account: kept?.account ?? null, problem: null });
    if (kept === null || kept.access === before?.access) return;
    for (const listener of [...this.tokenListeners]) listener(kept.access);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const kept = this.kept;
    if (kept === null) return;
    const dueMs = kept.receivedMs + kept.livesMs * REFRESH_AT - Date.now();
    this.timer = setTimeout(() => void this.refreshDue(kept), Math.max(0, Math.min(dueMs, 2_000_000_000)));
  }

  private async refreshDue(kept: Kept): Promise<void> {
    try {
      await this.once(() => this.refresh(kept.access));
    } catch {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.refreshDue(kept), RETRY_MS);
    }
  }
}

/** How long an access token still works; a clock that was set back counts as expired. */
function usableMs(kept: Kept): number {
  const ageMs = Date.now() - kept.receivedMs;
  return ageMs < -60_000 ? 0 : kept.livesMs - ageMs;
}

function readKept(memory: Memory): Kept | null {
  try {
    const kept = JSON.parse(memory.read(KEY) ?? "null") as Kept | null;
    if (typeof kept?.access !== "string" || typeof kept.account?.id !== "string") return null;
    // Kept by an earlier page, which did not ask what one may do: renewed at once.
    return kept.account.may === undefined ? { ...kept, livesMs: 0, account: { ...kept.account, may: [] } } : kept;
  } catch {
    return null;
  }
}
