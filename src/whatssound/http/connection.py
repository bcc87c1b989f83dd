"""One HTTP connection: what a client may take its time with, and how it is told that it makes no sense."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from whatssound.wire.errors import Refusal

HEAD_BYTES: Final = 64 * 1024
"""Largest head of a request, two of nginx's largest headers; the parser itself would take any number of bytes."""

HEAD_S: Final = 30.0
"""How long a head may take to arrive, from the connection or its first byte on; browsers open spare connections."""

BODY_IDLE_S: Final = 60.0
"""How long a body may pause; an upload from a phone that goes through a tunnel goes on within that."""


def without_prefix(url: bytes, prefix: bytes) -> bytes:
    """A request's target without the public path; one that does not begin with it stays as it is. Pure.

    So it does not matter whether the proxy in front takes the path off, and both `/music/r/x` and `/r/x` are answered.
    """
    rest = url.removeprefix(prefix)
    if len(rest) == len(url) or rest[:1] not in (b"", b"/", b"?"):
        return url
    return rest if rest.startswith(b"/") else b"/" + rest


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded in bytes and time until a request is whole, and with our shape of errors.

    Requests and upgrades under `public_path` are answered as those without it.
    """

    def __init__(self, *args: Any, public_path: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._public_path = public_path.encode()
        self._head_bytes = 0
        self._in_head = True
        self._in_body = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is here and should say what it wants."""
        super().connection_made(transport)
        self._wait(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        super().data_received(data)
        if self not in self.connections or self.transport.is_closing():
            self._stop_waiting()  # it speaks WebSocket now, or is being sent away
        elif self._in_body:
            self._stop_waiting()
            self._wait(BODY_IDLE_S)
        elif self._in_head or self._is_idle():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._turn_away(431, Refusal("too_large", f"A request's head may have {HEAD_BYTES:,} bytes."))
            elif self._patience is None:
                self._wait(HEAD_S)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._in_body, self._head_bytes = False, True, 0
        self._stop_waiting()
        self.url = without_prefix(self.url, self._public_path)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What arrived is no HTTP."""
        self._turn_away(400, Refusal("invalid", msg))

    def _turn_away(self, status: int, refusal: Refusal) -> None:
        body = msgspec.json.encode(refusal.as_body())
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self._stop_waiting()
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _is_idle(self) -> bool:
        """Between two requests, where blank lines are allowed and uvicorn has stopped to count the time."""
        return self.cycle.response_complete and self.timeout_keep_alive_task is None

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self._in_body and self.flow.read_paused:
            self._wait(BODY_IDLE_S)  # it is our disk that is slow
        else:
            self.transport.close()
