/** Accounts with a password: making one, coming back to it, leaving it, and inviting others. */

import type { Http } from "../realtime/http";
import type { Accounts } from "./model";
import type { BrowserSession } from "./session";
import type { Account, Invitation, InvitationNotice, ServerBody, Tokens } from "./wire";

export class BrowserAccounts implements Accounts {
  private asked: Promise<ServerBody> | null = null;

  constructor(
    private readonly http: Http,
    private readonly session: BrowserSession,
  ) {}

  server(): Promise<ServerBody> {
    this.asked ??= this.http.get<ServerBody>("/v1/server", { as: "nobody" }).catch((thrown: unknown) => {
      this.asked = null;
      throw thrown;
    });
    return this.asked;
  }

  async fresh(): Promise<Account> {
    const account = await this.http.get<Account>("/v1/me");
    this.session.learn(account);
    return account;
  }

  async register(name: string, password: string, invitation?: string): Promise<void> {
    const body = invitation === undefined ? { name, password } : { name, password, invitation };
    await this.enter(this.http.post<Tokens>("/v1/auth/register", body, { as: "optional" }));
  }

  async logIn(name: string, password: string): Promise<void> {
    await this.enter(this.http.post<Tokens>("/v1/auth/login", { name, password }, { as: "nobody" }));
  }

  async changePassword(password: string, old?: string): Promise<void> {
    const body = old === undefined ? { new: password } : { old, new: password };
    await this.enter(this.http.post<Tokens>("/v1/me/password", body));
  }

  async leave(password?: string): Promise<void> {
    await this.http.remove("/v1/me", { password: password ?? null });
    this.session.forget();
  }

  async invitations(): Promise<readonly Invitation[]> {
    return (await this.http.get<{ invitations: readonly Invitation[] }>("/v1/invitations")).invitations;
  }

  invite(): Promise<Invitation> {
    return this.http.post<Invitation>("/v1/invitations", {});
  }

  async revoke(id: string): Promise<void> {
    await this.http.remove(`/v1/invitations/${encodeURIComponent(id)}`);
  }

  noticeOf(code: string): Promise<InvitationNotice> {
    return this.http.get<InvitationNotice>(`/v1/invitations/check/${encodeURIComponent(code)}`, { as: "nobody" });
  }

  async accept(code: string): Promise<void> {
    await this.enter(this.http.post<Tokens>("/v1/invitations/accept", { code }));
  }

  private async enter(answer: Promise<Tokens>): Promise<void> {
    this.session.enter(await answer);
    // Signed in all the same when this cannot be asked now; it is asked again where it is shown.
    await this.fresh().catch(() => undefined);
  }
}
