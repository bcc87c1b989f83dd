/** Requests to the API: JSON in and out, refusals as `ProblemError`, one renewal of an expired token. */

import { address } from "../base";
import { isRefusal, problem, refused, type ProblemError } from "./problem";

/** What requests need to know of a session. */
export interface Credentials {
  token(): Promise<string>;
  tokenIfAny(): Promise<string | null>;
  /** The server did not take this token: get another one. */
  renew(rejected: string): Promise<string>;
}

export interface RequestOptions {
  readonly body?: unknown;
  /** `needed` (default) makes a guest when there is nobody; `optional` sends a token only if there is one. */
  readonly as?: "needed" | "optional" | "nobody";
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;

/** The refusal in a response that is not ok, whatever answered it. */
export function refusalIn(status: number, body: unknown): ProblemError {
  if (isRefusal(body)) return refused(body);
  if (status === 401) return problem("unauthorized");
  if (status === 404) return problem("not_found");
  if (status === 413) return problem("too_large");
  if (status === 429) return problem("rate_limited");
  return problem(status >= 502 && status <= 504 ? "unavailable" : "internal");
}

export class Http {
  constructor(private readonly credentials: Credentials) {}

  async get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.request<T>("GET", path, options);
  }

  async post<T>(path: string, body: unknown, options: RequestOptions = {}): Promise<T> {
    return this.request<T>("POST", path, { ...options, body });
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    return this.request<T>("PATCH", path, { body });
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return this.request<T>("PUT", path, { body });
  }

  async remove<T = void>(path: string, body?: unknown): Promise<T> {
    return this.request<T>("DELETE", path, body === undefined ? {} : { body });
  }

  private async request<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const token = await this.tokenFor(options.as ?? "needed");
    const first = await exchange(method, path, token, options);
    if (first.status !== 401 || token === null) return outcome<T>(first);
    const renewed = await this.credentials.renew(token);
    return outcome<T>(await exchange(method, path, renewed, options));
  }

  private async tokenFor(as: "needed" | "optional" | "nobody"): Promise<string | null> {
    if (as === "nobody") return null;
    return as === "optional" ? this.credentials.tokenIfAny() : this.credentials.token();
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One request without any renewal. Throws `offline` and `timeout`. */
export async function exchange(
  method: string,
  path: string,
  token: string | null,
  options: RequestOptions = {},
): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS) };
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  try {
    const response = await fetch(address(path), init);
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch (thrown) {
    throw problem((thrown as Error).name === "TimeoutError" ? "timeout" : "offline");
  }
}

/** The body of an answer that went well. Throws the refusal otherwise. */
export function outcome<T>(answer: Answer): T {
  if (answer.status >= 200 && answer.status < 300) return answer.body as T;
  throw refusalIn(answer.status, answer.body);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
