"""Every error over HTTP: one JSON shape from the error table, whoever raised it."""

import errno
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec

from whatssound.wire.bodies import Problem
from whatssound.wire.errors import ERRORS, Refusal

_log = structlog.get_logger(__name__)

_FROM_STATUS: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid", "This request makes no sense; see details."),
    401: ("unauthorized", "Sign in first."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("too_large", "This request is too large."),
    415: ("unsupported", "This kind of content is not understood here."),
    429: ("rate_limited", "Too many requests; try again later."),
    503: ("unavailable", "Not available right now; try again later."),
}
"""What the framework's own errors become."""

_CLIENT_GONE: Final = "client disconnected prematurely"
"""How the framework says that a body ended early; a test names the change if it says it differently."""

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def answer(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response[dict[str, Any]]:
    """The response that says no."""
    extra = dict(headers or {})
    if refusal.retry_after_ms is not None:
        extra["Retry-After"] = str(max(1, -(-refusal.retry_after_ms // 1_000)))
    if refusal.code == "unauthorized":
        extra["WWW-Authenticate"] = "Bearer"
    extra["Cache-Control"] = "no-store"
    return Response(refusal.as_body(), status_code=refusal.http_status, headers=extra, media_type="application/json")


def exception_handlers() -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """For the application: nothing leaves it in another shape."""
    return {
        Refusal: _refused,
        HTTPException: _refused_by_framework,
        RecursionError: _too_deep,
        UnicodeDecodeError: _not_utf8,
        OSError: _io_failed,
        Exception: _failed,
    }


def responses(*codes: str) -> dict[int, ResponseSpec]:
    """For a route's OpenAPI: the errors it answers with, by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(ERRORS[code].http_status, []).append(code)
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=f"{HTTPStatus(status).phrase}: `{'`, `'.join(named)}`"
        )
        for status, named in by_status.items()
    }


def disk_full() -> Refusal:
    """The one answer to a full disk."""
    return Refusal("disk_full", "The server's disk is full. Its owner must make room, then try again.")


def is_disk_full(problem: OSError) -> bool:
    """Whether the disk, or this user's share of it, is full."""
    return problem.errno in _DISK_FULL


def _refused(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    return answer(refusal)


def _refused_by_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    if error.detail == _CLIENT_GONE:
        return answer(Refusal("invalid", "The request broke off."))  # nobody reads it, and it is no failure of ours
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _failed(request, error)
    code, message = _FROM_STATUS.get(error.status_code, _FROM_STATUS[400])
    fields = _fields(error.extra)
    if fields:
        message = "; ".join(f"{field['field']}: {field['problem']}" for field in fields)
    elif code == "invalid" and error.detail:
        message = error.detail
    kept = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return answer(Refusal(code, message, details={"fields": fields} if fields else None), kept)


def _fields(extra: object) -> list[dict[str, str]]:
    """The framework's list of what is wrong, as ours: which field, and what about it."""
    if not isinstance(extra, list):
        return []
    found = [cast("dict[str, Any]", item) for item in cast("list[object]", extra) if isinstance(item, dict)]
    return [
        {"field": (name := str(item.get("key") or item.get("source") or "body")), "problem": _problem(name, item)}
        for item in found
    ]


def _problem(name: str, item: dict[str, Any]) -> str:
    """What is wrong; of a missing body the framework only repeats the name."""
    said = str(item.get("message"))
    return "it is missing" if said == repr(name) else said


def _too_deep(_request: Request[Any, Any, Any], _error: RecursionError) -> Response[dict[str, Any]]:
    """A body of a hundred thousand brackets is not an error of ours; nothing here recurses by itself."""
    return answer(Refusal("invalid", "This body is nested too deeply."))


def _not_utf8(_request: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[dict[str, Any]]:
    """Only a request's own bytes are decoded while it is read."""
    return answer(Refusal("invalid", f"This body is not UTF-8: {error.reason} at byte {error.start:,}."))


def _io_failed(request: Request[Any, Any, Any], problem: OSError) -> Response[dict[str, Any]]:
    return answer(disk_full()) if is_disk_full(problem) else _failed(request, problem)


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return answer(Refusal("internal", "Something broke here. It was logged; please try again."))
