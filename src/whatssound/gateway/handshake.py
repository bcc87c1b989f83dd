"""What an upgrade request asks for, and the plain HTTP answer when it does not get it. Pure.

The request is read here and a short one of our own is handed on: picows refuses requests of 16 KB and more, and the
`Connection: keep-alive, Upgrade` that Firefox sends; the token also does not stay in memory with the connection.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.realtime.token_texts import said_at_upgrade
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Serializer, serializer_for

OPEN_PATH = "/socket/websocket"
"""Phoenix's path: a token may come with each join instead."""

REALTIME_PATH = "/realtime/v1/websocket"
"""Supabase's path: clients always send an API key, and the answer without one is 401."""

PATHS = (OPEN_PATH, REALTIME_PATH)

_BEARER = "base64url.bearer.phx."
"""How phoenix.js sends its `authToken`: as a second subprotocol."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request that may become a socket, once its token is found good."""

    path: str
    serializer: Serializer
    token: str | None
    key: str
    subprotocol: str | None
    forwarded_for: tuple[str, ...] = ()
    """What proxies say about where it comes from."""

    def canonical(self) -> bytes:
        """The shortest request that means the same to a WebSocket library."""
        return (
            b"GET %b HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n"
        ) % (self.path.encode(), self.key.encode())


def read_upgrade(head: bytes, *, limit_bytes: int) -> Upgrade:
    """What the request `head` asks for.

    Raises Refusal, whose status belongs in the HTTP answer: `too_large` over `limit_bytes`, `not_found` for another
    path, `unauthorized` without a token where one is needed, `invalid` for the rest.
    """
    if len(head) > limit_bytes:
        raise Refusal("too_large", f"The upgrade request has {len(head)} bytes; {limit_bytes} are allowed.")
    method, target, headers = _parsed(head)
    try:
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    except ValueError:
        raise Refusal("invalid", "This is no address.") from None
    if parts.path not in PATHS:
        raise Refusal("not_found", f"There is no socket at {parts.path[:80]}; try {OPEN_PATH}.")
    key = headers.get("sec-websocket-key", "")
    if method != "GET" or headers.get("sec-websocket-version") != "13" or not _is_key(key):
        raise Refusal("invalid", "This is no WebSocket handshake of version 13.")
    serializer = serializer_for(query.get("vsn"))
    if serializer is None:
        raise Refusal("invalid", "vsn must be 1.0.0 or 2.0.0.")
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    token = headers.get("x-api-key") or query.get("apikey") or query.get("token") or _bearer(offered)
    if token is None and parts.path == REALTIME_PATH:
        raise Refusal("unauthorized", "API key is missing")
    forwarded_for = (headers["x-forwarded-for"],) if "x-forwarded-for" in headers else ()
    return Upgrade(parts.path, serializer, token, key, "phoenix" if "phoenix" in offered else None, forwarded_for)


def http_answer(refusal: Refusal) -> bytes:
    """The whole HTTP response for an upgrade that is refused.

    The body carries Supabase's `error` beside the one error shape of our API. A head that is too large has a status
    of its own (431).
    """
    status = HTTPStatus(431 if refusal.code == "too_large" else refusal.http_status)
    error = said_at_upgrade(refusal) if isinstance(refusal, TokenRefusal) else refusal.message
    body = msgspec.json.encode({"error": error, **refusal.as_body()})
    retry = "" if refusal.retry_after_ms is None else f"retry-after: {-(-refusal.retry_after_ms // 1_000)}\r\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    request_line, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    parts = request_line.split(" ")
    if len(parts) != 3:
        raise Refusal("invalid", "This is no HTTP request.")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return parts[0], parts[1], headers


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key.encode("ascii"), validate=True)) == 16
    except (UnicodeEncodeError, binascii.Error):
        return False


def _bearer(offered: Sequence[str]) -> str | None:
    for name in offered:
        if name.startswith(_BEARER):
            encoded = name.removeprefix(_BEARER)
            try:
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return None
    return None
