/** Everything that can go wrong, as one error with a code from the server's table and a sentence for a person. */

import { bytesOf, errorSentence, inEnglish, t } from "../i18n";
import type { Problem } from "../state/model";
import type { RefusalBody } from "../state/wire";

/** Codes after which the same request may succeed later, unchanged; as in `whatssound.wire.errors`, and the page's own. */
const PASSING = new Set(["conflict", "rate_limited", "overloaded", "unavailable", "internal", "offline", "timeout"]);

/** Codes whose server message says more than the page's own sentence: it names what exactly was wrong. */
const SERVER_KNOWS_BETTER = new Set(["invalid", "unsupported", "too_large", "conflict", "forbidden"]);

export class ProblemError extends Error implements Problem {
  override readonly name = "ProblemError";

  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterMs: number | null = null,
    /** Figures and ids that the server added. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  /** The same request may succeed later. */
  get passing(): boolean {
    return PASSING.has(this.code);
  }
}

/** A problem of the page's own, or one known by its code alone. */
export function problem(code: string): ProblemError {
  return new ProblemError(code, errorSentence(code) ?? code);
}

/** What the server refused, with the page's sentence where it has one that says as much. */
export function refused(body: RefusalBody): ProblemError {
  return new ProblemError(body.code, sentenceFor(body), body.retry_after_ms ?? null, body.details ?? {});
}

function sentenceFor({ code, message, details = {} }: RefusalBody): string {
  const { quota_bytes: quota, used_bytes: used } = details;
  if (typeof quota === "number" && typeof used === "number") {
    return t("error.quota", { used: bytesOf(used), quota: bytesOf(quota) });
  }
  const own = errorSentence(code);
  if (own !== null && (!SERVER_KNOWS_BETTER.has(code) || message === "")) return own;
  // The server speaks English.
  return inEnglish() || message === "" ? message || code : t("error.quoted", { message });
}

/** Whether something is shaped like the server's refusal; proxies in between answer with anything. */
export function isRefusal(body: unknown): body is RefusalBody {
  return typeof body === "object" && body !== null && typeof (body as RefusalBody).code === "string";
}

/** Any thrown thing as a problem. */
export function asProblem(thrown: unknown): ProblemError {
  return thrown instanceof ProblemError ? thrown : problem("internal");
}
