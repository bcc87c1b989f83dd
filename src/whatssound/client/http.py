"""Requests to the API: JSON in and out, a Refusal for every no.

The few requests a client makes do not deserve a library of their own: the standard library's, in a thread.
"""

import asyncio
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from whatssound.client.errors import Unreachable
from whatssound.wire.bodies import Problem
from whatssound.wire.errors import ERRORS, Refusal

TIMEOUT_S: Final = 15.0

_BY_STATUS: Final = {401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "too_large", 429: "rate_limited"}
"""What an answer means that is not one of ours: a proxy's."""


class Api:
    """The HTTP API at `base`, an `http://` or `https://` address with or without a path."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{base!r} is no address that begins with http:// or https://")

    @property
    def socket_url(self) -> str:
        """Where sockets are opened."""
        return f"ws{self.base.removeprefix('http')}/socket/websocket?vsn=2.0.0"

    async def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> bytes:
        """The body of a good answer. Raises Refusal, or Unreachable when there is none."""
        return await asyncio.to_thread(self._called, method, path, body, token)

    def _called(self, method: str, path: str, body: object, token: str | None) -> bytes:
        request = urllib.request.Request(self.base + path, method=method)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = msgspec.json.encode(body)
        try:
            with urllib.request.urlopen(request, data, timeout=TIMEOUT_S) as answer:
                return answer.read()
        except urllib.error.HTTPError as problem:
            with problem:
                raise refusal_in(problem.code, problem.read()) from None
        except (OSError, HTTPException) as problem:
            raise Unreachable(f"{self.base} does not answer: {problem}") from problem


def refusal_in(status: int, body: bytes) -> Refusal:
    """The refusal in an answer that is not good, whoever gave it."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
        return refusal_of(problem)
    except msgspec.MsgspecError:
        code = _BY_STATUS.get(status, "unavailable" if status in (502, 503, 504) else "internal")
        return Refusal(code, f"The server answered {status}.")


def refusal_of(problem: Problem) -> Refusal:
    """The refusal a newer server may word by a code that is not known here: it is `internal` then."""
    code = problem.code if problem.code in ERRORS else "internal"
    details: dict[str, Any] | None = problem.details
    return Refusal(code, problem.message, retry_after_ms=problem.retry_after_ms, details=details)
