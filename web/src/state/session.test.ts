import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BrowserSession } from "./session";
import type { Memory } from "./storage";
import type { AccountRole, Tokens } from "./wire";

/** The server's side of signing in: refresh tokens work once. */
class Door {
  readonly asked: string[] = [];
  readonly guests: string[] = [];
  down = false;
  private issued = 0;
  private readonly good = new Set<string>();

  readonly fetch = (path: string, init: RequestInit): Promise<Response> => {
    const body = JSON.parse(String(init.body)) as Record<string, string>;
    this.asked.push(path);
    return new Promise((resolve, reject) => {
      // A real answer takes its time: long enough for another tab to try the same.
      setTimeout(() => (this.down ? reject(new TypeError("network")) : resolve(this.answer(path, body))), 30);
    });
  };

  private answer(path: string, body: Record<string, string>): Response {
    if (path === "/v1/auth/guest") this.guests.push(body["name"] ?? "");
    if (path === "/v1/auth/guest") return this.tokens("guest", body["name"] ?? "");
    if (path === "/v1/auth/owner" && body["code"] === "good") return this.tokens("owner", "Dana");
    if (path === "/v1/auth/refresh" && this.good.delete(body["refresh_token"] ?? "")) return this.tokens("guest", "G");
    return new Response(JSON.stringify({ code: "unauthorized", message: "no" }), { status: 401 });
  }

  private tokens(role: AccountRole, name: string): Response {
    this.issued += 1;
    this.good.add(`r${this.issued}`);
    const user = { id: "7", name, role, may: [] };
    const tokens: Tokens = { access_token: `a${this.issued}`, refresh_token: `r${this.issued}`, expires_in_s: 3_600, user };
    return new Response(JSON.stringify(tokens), { status: 200 });
  }
}

/** One browser: tabs share what is remembered and hear of each other's writes. */
class Browser {
  readonly kept = new Map<string, string>();
  private readonly tabs: BrowserSession[] = [];
  readonly memory: Memory = {
    read: (key) => this.kept.get(key) ?? null,
    write: (key, value) => void (value === null ? this.kept.delete(key) : this.kept.set(key, value)),
  };

  tab(): BrowserSession {
    const session = new BrowserSession(this.memory);
    this.tabs.push(session);
    return session;
  }

  close(): void {
    for (const tab of this.tabs) tab.close();
  }
}

const HOUR_MS = 3_600_000;

describe("a session", () => {
  let door: Door;
  let browser: Browser;

  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    door = new Door();
    browser = new Browser();
    vi.stubGlobal("fetch", door.fetch);
    vi.stubGlobal("window", { addEventListener: () => undefined });
  });

  afterEach(() => {
    browser.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(2_000);
    return promise;
  };

  test("makes one guest with a friendly name, however many need a token at once", async () => {
    const tab = browser.tab();
    expect(await tab.tokenIfAny()).toBeNull();
    const tokens = await settled(Promise.all([tab.token(), tab.token(), tab.token()]));
    expect(new Set(tokens)).toEqual(new Set(["a1"]));
    expect(door.guests).toEqual([expect.stringMatching(/^[A-Z][a-z]+ [A-Z][a-z]+$/)]);
    expect(tab.get().account?.role).toBe("guest");
  });

  test("is the same person after a reload", async () => {
    await settled(browser.tab().token());
    expect(await browser.tab().token()).toBe("a1");
    expect(door.guests).toHaveLength(1);
  });

  test("renews at 80 % of the token's life and tells who listens", async () => {
    const tab = browser.tab();
    await settled(tab.token());
    const told: string[] = [];
    tab.onToken((token) => told.push(token));
    await vi.advanceTimersByTimeAsync(0.79 * HOUR_MS);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(0.02 * HOUR_MS);
    expect(told).toEqual(["a2"]);
  });

  test("renews in one tab only; the other takes it over", async () => {
    const [first, second] = [browser.tab(), browser.tab()];
    await settled(first.token());
    await settled(second.renew("none"));
    const [a, b] = await settled(Promise.all([first.renew("a1"), second.renew("a1")]));
    expect(a).toBe(b);
    expect(door.asked.filter((path) => path === "/v1/auth/refresh")).toHaveLength(1);
    expect(door.guests).toHaveLength(1);
  });

  test("tries again later while the server is away, and loses nobody", async () => {
    const tab = browser.tab();
    await settled(tab.token());
    door.down = true;
    await vi.advanceTimersByTimeAsync(0.9 * HOUR_MS);
    door.down = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await tab.token()).not.toBe("a1");
    expect(door.guests).toHaveLength(1);
  });

  test("goes on as a new guest of the same name when the server has forgotten it", async () => {
    const tab = browser.tab();
    await settled(tab.token());
    const name = tab.get().account?.name;
    browser.kept.set("session", (browser.kept.get("session") ?? "").replace('"r1"', '"unknown"'));
    const other = browser.tab();
    await settled(other.renew("a1"));
    expect(door.guests).toEqual([name, name]);
  });

  test("becomes the owner by the link, and no guest is made meanwhile", async () => {
    const tab = browser.tab();
    const [, token] = await settled(Promise.all([tab.becomeOwner("good"), tab.token()]));
    expect(tab.get().account).toMatchObject({ role: "owner", name: "Dana" });
    expect(token).toBe("a1");
    expect(door.guests).toEqual([]);
  });

  test("says so when the link was used up, and stays who it was", async () => {
    const tab = browser.tab();
    await settled(tab.token());
    await expect(settled(tab.becomeOwner("used"))).rejects.toMatchObject({ code: "owner_code" });
    expect(tab.get()).toMatchObject({ account: { role: "guest" }, problem: { code: "owner_code" } });
    expect(await tab.token()).toBe("a1");
  });
});
