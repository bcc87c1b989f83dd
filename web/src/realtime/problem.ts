/** Everything that can go wrong, as one error with a code from the server's table and a sentence for a person. */

import { errorSentence } from "../i18n";
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
  const own = SERVER_KNOWS_BETTER.has(body.code) ? null : errorSentence(body.code);
  const message = own ?? (body.message || (errorSentence(body.code) ?? body.code));
  return new ProblemError(body.code, message, body.retry_after_ms ?? null);
}

/** Whether something is shaped like the server's refusal; proxies in between answer with anything. */
export function isRefusal(body: unknown): body is RefusalBody {
  return typeof body === "object" && body !== null && typeof (body as RefusalBody).code === "string";
}

/** Any thrown thing as a problem. */
export function asProblem(thrown: unknown): ProblemError {
  return thrown instanceof ProblemError ? thrown : problem("internal");
}
