"""One WebSocket. The only file of the client that knows picows."""

import logging
from collections.abc import Callable
from typing import Final, cast

from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport
from picows import ws_connect as _ws_connect  # pyright: ignore[reportUnknownVariableType]

from whatssound.client.errors import Unreachable
from whatssound.client.http import refusal_in

FRAME_BYTES: Final = 16 * 1024 * 1024
"""Largest frame taken: a join reply with a long queue has some hundred KB."""

HANDSHAKE_S: Final = 10.0

BROKEN: Final = 1006
"""The close code of a connection that ended without one."""

_log = logging.getLogger("whatssound.client.socket")


class Socket(WSListener):
    """Text messages in and out. `on_message` and `on_closed` are called on the event loop and must not block."""

    def __init__(self, on_message: Callable[[bytes], None], on_closed: Callable[[int, str], None]) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._transport: WSTransport | None = None
        self._fragments: bytearray | None = None
        self._closed_with: tuple[int, str] = (BROKEN, "")

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._transport is not None

    def send(self, message: bytes) -> None:
        """Send a text message; on a closed socket it is lost, and `on_closed` says so."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, message)

    def close(self) -> None:
        """Say goodbye; `on_closed` follows."""
        if self._transport is not None and not self._transport.is_close_frame_sent:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def drop(self) -> None:
        """End the connection without a word, because nobody answers."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # --- what picows calls --------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame arrived."""
        kind = frame.msg_type
        if kind is WSMsgType.CLOSE:
            code = int(cast(int, frame.get_close_code()))
            self._closed_with = (code or BROKEN, frame.get_close_reason() or "")
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._text(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        del transport
        self._transport = None
        self._on_closed(*self._closed_with)

    def _text(self, frame: WSFrame) -> None:
        """Our server sends whole messages; a proxy may cut them into fragments."""
        if frame.fin and self._fragments is None:
            self._on_message(frame.get_payload_as_bytes())
            return
        self._fragments = self._fragments or bytearray()
        self._fragments += frame.get_payload_as_memoryview()
        if frame.fin:
            message, self._fragments = bytes(self._fragments), None
            self._on_message(message)
        elif len(self._fragments) > FRAME_BYTES:
            self.drop()


async def open_socket(url: str, on_message: Callable[[bytes], None], on_closed: Callable[[int, str], None]) -> Socket:
    """An open socket at the `ws://` or `wss://` address `url`.

    Raises Refusal when the server says no to it, Unreachable when nobody answers.
    """
    socket = Socket(on_message, on_closed)
    try:
        await _ws_connect(
            lambda: socket,
            url,
            websocket_handshake_timeout=HANDSHAKE_S,
            max_frame_size=FRAME_BYTES,
            logger_name=_log,
        )
    except WSHandshakeError as problem:
        if problem.response is None:
            raise Unreachable(f"no WebSocket at {url}: {problem}") from problem
        raise refusal_in(int(problem.response.status), problem.raw_body or b"") from problem
    except (OSError, TimeoutError) as problem:
        raise Unreachable(f"nobody answers at {url}: {problem}") from problem
    if not socket.is_open:
        raise Unreachable(f"the connection to {url} ended at once")
    return socket
