"""Every way to say no: one table of codes, with what each means over HTTP and whether to try again."""

from typing import Any, Final, NamedTuple


class Verdict(NamedTuple):
    """What a code means to whoever receives it."""

    http_status: int
    retry: bool
    """The same request may succeed later, unchanged."""


ERRORS: Final[dict[str, Verdict]] = {
    "unauthorized": Verdict(401, False),
    "forbidden": Verdict(403, False),
    "muted": Verdict(403, False),
    "banned": Verdict(403, False),
    "kicked": Verdict(403, False),
    "not_found": Verdict(404, False),
    "method_not_allowed": Verdict(405, False),
    "invalid": Verdict(400, False),
    "conflict": Verdict(409, True),
    "too_large": Verdict(413, False),
    "unsupported": Verdict(415, False),
    "range_not_satisfiable": Verdict(416, False),
    "rate_limited": Verdict(429, True),
    "overloaded": Verdict(503, True),
    "ended": Verdict(410, False),
    "unavailable": Verdict(503, True),
    "disk_full": Verdict(507, False),
    "unknown_command": Verdict(400, False),
    "internal": Verdict(500, True),
}


class Refusal(Exception):
    """A request that was understood and is answered with no.

    `code` is a key of `ERRORS`; `message` says what to do, in a sentence fit for a person.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_after_ms: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        if code not in ERRORS:
            raise ValueError(f"{code!r} is not in the error table")
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.details = details

    @property
    def http_status(self) -> int:
        """The HTTP status of this refusal."""
        return ERRORS[self.code].http_status

    def as_body(self) -> dict[str, Any]:
        """The JSON body over HTTP: `{code, message, retry_after_ms?, details?}`."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.retry_after_ms is not None:
            body["retry_after_ms"] = self.retry_after_ms
        if self.details:
            body["details"] = self.details
        return body

    def as_reply(self) -> dict[str, Any]:
        """The response of a socket error reply: the body plus Phoenix's `reason`, equal to the code."""
        return {**self.as_body(), "reason": self.code}
