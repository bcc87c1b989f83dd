"""picows' parser for one connection: all that we use of picows' private parts."""

from collections.abc import Callable
from typing import Any, Protocol, cast

import picows

READ_BUFFER_BYTES = 2_048
"""The smallest that picows takes; it grows for a longer frame. 16 KB, its default, is 29 KB a connection."""


class FrameParser(Protocol):
    """picows' `WSProtocol`: bytes go in by its own buffer, and frames come out at its listener."""

    def connection_made(self, transport: object) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...


def new_frame_parser(listener_factory: Callable[[Any], Any], logger: Any, *, frame_bytes: int) -> FrameParser:
    """A parser for one server-side connection.

    The class is private and its constructor positional, so the order stands here and nowhere else. Auto-pong is off,
    because a pong must not land inside a frame that the outbox is still writing.
    """
    make = cast(Callable[..., FrameParser], picows.picows.WSProtocol)  # pyright: ignore
    return make(
        None,  # host_port
        None,  # ws_path
        False,  # is_client_side
        listener_factory,
        logger,
        True,  # disconnect_on_exception
        None,  # websocket_handshake_timeout: the request is complete when we get it
        False,  # enable_auto_ping
        90,  # auto_ping_idle_timeout
        90,  # auto_ping_reply_timeout
        picows.WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong
        frame_bytes,  # max_frame_size
        None,  # extra_headers
        READ_BUFFER_BYTES,
    )
