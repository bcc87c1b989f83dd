"""/realtime/v1/api/broadcast: broadcasts without a socket, in the words of Supabase's API instead of ours."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from litestar import Request, Response, Router, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import SkipValidation

from whatssound.http.broadcasts import Broadcasts, Caller
from whatssound.http.services import Home
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.topics import Topic
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import MAX_NAME_BYTES
from whatssound.wire.realtime import MAX_TOPIC_BYTES, Persist, is_json, persist_from
from whatssound.wire.rest_broadcast import BLANK, INVALID, TOO_LARGE, BatchRefused, name_problem, read_batch

PATHS: Final = ("/realtime/v1/api/broadcast", "/api/broadcast")
"""Where Supabase's gateway has it, and where its bare server does."""

UNSUPPORTED: Final = "Unsupported Media Type. Use application/json or application/octet-stream"

_ONE: Final = re.compile(r"/api/broadcast/([^/]+)/events/([^/]+)/?\Z")

_SECONDS: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}

_Broadcasts = SkipValidation[NamedDependency[Broadcasts]]
_Caller = SkipValidation[NamedDependency[Caller]]
_Headers = Mapping[str, str]


class _Invalid(Exception):
    """Fields of a single broadcast, and what is wrong with each."""

    def __init__(self, **problems: str) -> None:
        super().__init__(str(problems))
        self.errors = {"errors": {name: [problem] for name, problem in problems.items()}}


@post("/", status_code=202)
async def send_batch(request: Request[Any, Any, Any], caller: _Caller, broadcasts: _Broadcasts) -> Response[Any]:
    """Send the `messages` of a batch."""
    body = await request.body()
    batch = read_batch(body, payload_bytes=broadcasts.limits.realtime_payload_bytes)
    broadcasts.count(caller, len(body), len(batch))
    await broadcasts.send_all(caller, batch)
    return _accepted(broadcasts)


@post("/{rest:path}", status_code=202)
async def send_one(request: Request[Any, Any, Any], caller: _Caller, broadcasts: _Broadcasts) -> Response[Any]:
    """Send the body to one topic: JSON as it is, or any bytes."""
    topic, event = _names(request)
    kind = request.content_type[0]
    if kind not in ("application/json", "application/octet-stream"):
        return Response({"error": UNSUPPORTED}, status_code=415, media_type="application/json")
    body, as_json = await request.body(), kind == "application/json"
    if len(body) > broadcasts.limits.realtime_payload_bytes:
        raise _Invalid(payload=TOO_LARGE)
    if as_json and not is_json(body):
        raise _Invalid(payload=INVALID if body else BLANK)
    broadcasts.count(caller, len(body))
    persist = _persist(request, topic)
    await broadcasts.send(caller, topic, event, body, is_json=as_json, persist=persist)
    return _accepted(broadcasts)


def router(broadcasts: Broadcasts) -> Router:
    """The routes at both paths, with the original's shapes of errors."""

    def refused(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
        return _refusal(refusal, _rates(broadcasts))

    def invalid(_request: Request[Any, Any, Any], problem: BatchRefused | _Invalid) -> Response[Any]:
        return _answer(problem.errors, 422, _rates(broadcasts))

    def broken(_request: Request[Any, Any, Any], problem: HTTPException) -> Response[Any]:
        return _answer({"message": problem.detail}, problem.status_code, {})

    return Router(
        "/",
        route_handlers=[Router(path, route_handlers=[send_batch, send_one]) for path in PATHS],
        dependencies={
            "broadcasts": Provide(lambda: broadcasts, use_cache=True, sync_to_thread=False),
            "caller": Provide(_caller_of, sync_to_thread=False),
        },
        exception_handlers={Refusal: refused, BatchRefused: invalid, _Invalid: invalid, HTTPException: broken},
        request_max_body_size=broadcasts.limits.realtime_frame_bytes,
        include_in_schema=False,
    )


def _caller_of(request: Request[Any, Any, Any], broadcasts: _Broadcasts, home: Home) -> Caller:
    """Whose token it is: that of `Authorization`, else the `apikey`. Raises Refusal `unauthorized`."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else ""
    token = token or request.headers.get("apikey") or request.query_params.get("apikey") or ""
    if not token:
        raise Refusal("unauthorized", "Unauthorized")
    return Caller(broadcasts.access.visitor(token), home)


def _names(request: Request[Any, Any, Any]) -> tuple[Topic, str]:
    """Topic and event of the path as it was sent: decoded, a slash in a name would look like one between names."""
    found = _ONE.search(request.scope["raw_path"].decode("latin-1"))
    if found is None:
        raise Refusal("not_found", "The path is …/broadcast/{topic}/events/{event}, each percent-encoded.")
    try:
        topic, event = (unquote_to_bytes(part).decode() for part in found.groups())
    except UnicodeDecodeError:
        raise _Invalid(topic=INVALID) from None
    for name, text, most in (("topic", topic, MAX_TOPIC_BYTES), ("event", event, MAX_NAME_BYTES)):
        if (problem := name_problem(text, most)) is not None:
            raise _Invalid(**{name: problem})
    return Topic(topic, request.query_params.get("private", "").lower() == "true"), event


def _persist(request: Request[Any, Any, Any], topic: Topic) -> Persist | None:
    """`persist=true` or `persist[ttl]=<seconds>` of the query."""
    asked, ttl = request.query_params.get("persist"), request.query_params.get("persist[ttl]")
    if ttl is not None:
        persist = persist_from({"ttl": float(ttl) if _SECONDS.fullmatch(ttl) else None})
    else:
        persist = persist_from(_FLAGS.get(asked.lower(), asked) if asked else None)
    if persist == "invalid":
        raise _Invalid(persist=INVALID)
    if persist is not None and not topic.private:
        raise _Invalid(persist="is for private topics")
    return persist


def _rates(broadcasts: Broadcasts) -> _Headers:
    """How much goes on in this process, and how much more may."""
    rolling, limit = broadcasts.load.statistics().events_per_second, broadcasts.limits.realtime_events_per_second
    headers = {"x-rate-rolling": f"{rolling:.2f}"}
    if limit:
        headers |= {"x-rate-limit": str(limit), "x-rate-limit-remaining": f"{max(0.0, limit - rolling):.2f}"}
    return headers


def _accepted(broadcasts: Broadcasts) -> Response[bytes]:
    return Response(b"", status_code=202, headers=_rates(broadcasts), media_type="text/plain")


def _refusal(refusal: Refusal, headers: _Headers) -> Response[Any]:
    """`message` is the original's; `code` and the rest are ours."""
    reason = refusal.reason if isinstance(refusal, RealtimeRefusal) else refusal.message
    if refusal.code == "unauthorized" or (refusal.code == "forbidden" and isinstance(refusal, RealtimeRefusal)):
        reason = "Unauthorized"
    elif refusal.code == "rate_limited" and reason.startswith("MessagePerSecond"):
        reason = "Too many requests"
    if refusal.retry_after_ms is not None:
        headers = {**headers, "retry-after": str(max(1, -(-refusal.retry_after_ms // 1_000)))}
    return _answer({**refusal.as_body(), "message": reason}, refusal.http_status, headers)


def _answer(body: Any, status: int, headers: _Headers) -> Response[Any]:
    return Response(body, status_code=status, headers=dict(headers), media_type="application/json")
