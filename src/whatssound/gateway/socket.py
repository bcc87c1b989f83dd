"""One client's WebSocket; only this file and `framing` know picows.

uvicorn makes a `Socket` for each upgrade request and hands it the transport and the request's bytes. From then on
picows parses what arrives in its own read buffer; what leaves is pre-encoded and goes past picows.
"""

import asyncio
import logging
import random
import struct
import time
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any, Final, Protocol, cast

import structlog
from picows import WSFrame, WSListener, WSTransport, WSUpgradeResponse, WSUpgradeResponseWithListener

from whatssound.accounts.user import Identity
from whatssound.config import Limits
from whatssound.gateway.closing import LINGER_S, Linger, Wire
from whatssound.gateway.control import CLOSE, CONTINUATION, PING, PONG, TEXT, control_frame
from whatssound.gateway.framing import FrameParser, new_frame_parser
from whatssound.gateway.handshake import REALTIME_PATH, Upgrade, http_answer, read_upgrade
from whatssound.gateway.lanes import Lanes, Outlet, bound_unsent, lane_of
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.outbox import Outbox, OutboxStatistics
from whatssound.gateway.session import Session
from whatssound.gateway.sweep import NOW_S
from whatssound.wire.errors import Refusal
from whatssound.wire.hints import scattered_ms, with_hint

HIGH_WATER_BYTES: Final = 0
"""What the transport may hold without saying so: nothing. So it writes at once, and a lane is free or it is not."""

_NO_HEADERS: Final[Any] = {}

_log = structlog.get_logger("whatssound.gateway.socket")


class SocketState(Enum):
    """Where a socket is in its life."""

    REQUESTED = auto()
    """Frames are not spoken yet; a refusal is an HTTP answer."""
    OPEN = auto()
    CLOSING = auto()
    """Our close frame is out or could not be sent; nothing that arrives is looked at any more."""
    CLOSED = auto()


class Door(Protocol):
    """Who decides about upgrades; implemented by the gateway."""

    @property
    def metrics(self) -> Metrics:
        """Where sockets count."""
        ...

    @property
    def lanes(self) -> Lanes:
        """Which sockets may be written to without a detour."""
        ...

    def admit(self, upgrade: Upgrade, socket: "Socket") -> Session:
        """The session for a request that may become a socket. Raises Refusal."""
        ...

    def lost(self, socket: "Socket") -> None:
        """The connection of a socket is gone, admitted or not."""
        ...


class Socket(WSListener, asyncio.BufferedProtocol):
    """One connection, from its upgrade request to its end."""

    __slots__ = (
        "_door",
        "_fragments",
        "_frame_bytes",
        "_heard_s",
        "_limits",
        "_logger",
        "_outbox",
        "_session",
        "_state",
        "_transport",
        "_ws",
        "buffer_updated",
        "due_s",
        "get_buffer",
    )

    def __init__(self, door: Door, limits: Limits, logger: Any) -> None:
        self._door = door
        self._limits = limits
        self._frame_bytes = limits.frame_bytes
        self._logger = logger
        self._state = SocketState.REQUESTED
        self._heard_s = time.monotonic()
        self._fragments: bytearray | None = None
        self._session: Session | None = None
        self._outbox: Outbox | None = None
        self._ws: FrameParser | None = None
        self.due_s = NOW_S
        self.get_buffer = self._no_buffer
        self.buffer_updated = self._no_bytes

    # --- what uvicorn and the event loop call -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP connection's transport is ours now."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """The upgrade request, whole: uvicorn has read it and calls this once."""
        try:
            upgrade = read_upgrade(data, limit_bytes=self._limits.handshake_bytes)
            self._session = self._door.admit(upgrade, self)
        except Refusal as refusal:
            self._turn_away(refusal)
            return
        except Exception:
            _log.exception("an upgrade failed")
            self._turn_away(Refusal("internal", "Something went wrong here; it was written down."))
            return
        self._speak(upgrade)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        if self._state is SocketState.CLOSED:
            return
        self._state = SocketState.CLOSED
        if self._ws is not None:
            self._ws.connection_lost(exc)
            self._ws = None
        self.get_buffer, self.buffer_updated = self._no_buffer, self._no_bytes
        self._end_session()
        self._door.lost(self)

    def eof_received(self) -> bool:
        """A client that stops sending has left: the transport closes itself."""
        return False

    def pause_writing(self) -> None:
        """The transport holds more than it should."""
        self.due_s = NOW_S
        if self._outbox is not None:
            self._outbox.paused()

    def resume_writing(self) -> None:
        """The transport has room again."""
        if self._outbox is not None:
            self._outbox.resumed()

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; "" when it has none."""
        name = cast("tuple[str, ...] | str | None", self._transport.get_extra_info("peername"))
        return name[0] if isinstance(name, tuple) else ""

    # --- what the session calls ---------------------------------------------------------------------------------

    def send(self, frame: bytes, *, state: Hashable | None = None, exempt: bool = False) -> None:
        """Send a whole pre-encoded frame; see `Outbox.send`. Does nothing on a socket that is not open."""
        if self._outbox is not None:
            self._outbox.send(frame, state=state, exempt=exempt)

    @property
    def outlet(self) -> Outlet:
        """Where the frames that many sockets get go in. Raises RuntimeError once the socket is closed."""
        if self._outbox is None:
            raise RuntimeError("a closed socket takes no frames")
        return self._outbox

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame behind what the transport holds, and forget what waits. Closing twice does nothing."""
        if self._state is not SocketState.OPEN:
            return
        self._state = SocketState.CLOSING
        self._door.metrics.closed.labels(str(code)).inc()
        whole = self._outbox is None or not self._outbox.mid_frame
        self._end_session()
        if whole:
            self._transport.write(control_frame(CLOSE, struct.pack("!H", code) + reason.encode()))
            self._linger()
        else:
            self._transport.abort()

    def broken(self) -> None:
        """picows has sent a close frame because the client broke the protocol."""
        if self._state is SocketState.OPEN:
            self._state = SocketState.CLOSING
            self._door.metrics.closed.labels("protocol").inc()
            self._end_session()
            self._linger()

    def pause_reading(self) -> None:
        """Take nothing more from a client that floods; TCP makes it wait."""
        if self._state is SocketState.OPEN:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Listen again."""
        if self._state is SocketState.OPEN:
            self._transport.resume_reading()

    def speaks_for(self, wanted: Callable[[Identity], bool]) -> bool:
        """Whether it speaks for somebody who is `wanted`."""
        return self._session is not None and self._session.speaks_for(wanted)

    def look_again(self) -> None:
        """Something of the session may be due sooner than it said."""
        self.due_s = NOW_S

    def check(self, now_s: float) -> None:
        """Close what is idle and what does not read; to be called at `due_s`, or a little later."""
        session, outbox = self._session, self._outbox
        if session is None or outbox is None:
            return
        if now_s - self._heard_s > self._limits.idle_timeout_s:
            self.close(1000, "idle")
            return
        self.due_s = min(self._heard_s + self._limits.idle_timeout_s, now_s + session.check(now_s))
        if outbox.check(now_s):
            self.due_s = NOW_S

    def statistics(self) -> OutboxStatistics:
        """What waits to be sent."""
        return self._outbox.statistics() if self._outbox is not None else OutboxStatistics(0, 0, 0, False)

    # --- what picows calls --------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is over, and picows keeps its headers as long as the socket: 1 KB a connection."""
        transport.request.headers = transport.response.headers = _NO_HEADERS

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame arrived. The edge of the connection: what goes wrong in here ends this socket alone."""
        if self._state is not SocketState.OPEN or transport.is_close_frame_sent:
            return  # what follows a frame that broke the protocol in the same buffer
        try:
            self._receive(frame)
        except Exception:
            _log.exception("a socket failed")
            self.close(1011, "internal")

    # --- inside -------------------------------------------------------------------------------------------------

    def _turn_away(self, refusal: Refusal) -> None:
        self._door.metrics.refused.labels(refusal.code).inc()
        self._transport.write(http_answer(refusal))
        self._transport.close()

    def _speak(self, upgrade: Upgrade) -> None:
        """Let picows answer the request, in slices of its read buffer, and take frames from there."""
        if upgrade.path == REALTIME_PATH:
            self._frame_bytes = max(self._frame_bytes, self._limits.realtime_frame_bytes)
        headers = {} if upgrade.subprotocol is None else {"Sec-WebSocket-Protocol": upgrade.subprotocol}
        accepted = WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(extra_headers=headers), self)
        self._ws = ws = new_frame_parser(lambda _request: accepted, self._logger, frame_bytes=self._frame_bytes)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        bound_unsent(self._transport)
        self._outbox = Outbox(
            self._transport.write,
            self._fell_behind,
            limit_bytes=self._limits.outbox_bytes,
            limit_s=self._limits.outbox_s,
            now_s=time.monotonic,
            lanes=self._door.lanes,
            fd=lane_of(self._transport),
        )
        self._state = SocketState.OPEN
        ws.connection_made(Wire(self._transport, self.broken))
        request = upgrade.canonical()
        while request:
            room = ws.get_buffer(-1)
            part, request = request[: len(room)], request[len(room) :]
            room[: len(part)] = part
            ws.buffer_updated(len(part))
        self.get_buffer, self.buffer_updated = ws.get_buffer, ws.buffer_updated

    def _receive(self, frame: WSFrame) -> None:
        self._heard_s = time.monotonic()
        self.due_s = NOW_S
        kind = int(cast(int, frame.msg_type))
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(1002, "no extension was agreed on")
        elif kind in (CLOSE, PING, PONG):
            self._control_arrived(kind, frame)
        elif self._fragments is not None or not frame.fin or kind == CONTINUATION:
            self._fragment_arrived(kind, frame)
        elif self._session is not None:
            self._session.received(frame.get_payload_as_bytes(), text=kind == TEXT)

    def _control_arrived(self, kind: int, frame: WSFrame) -> None:
        if kind == CLOSE:
            code = int(cast(int, frame.get_close_code()))
            self.close(code or 1000)
        elif self._session is not None and self._session.may_receive() and kind == PING:
            self.send(control_frame(PONG, frame.get_payload_as_bytes()))

    def _fragment_arrived(self, kind: int, frame: WSFrame) -> None:
        """Put a message together; the kind of its first fragment is kept as a byte in front."""
        if (kind == CONTINUATION) != (self._fragments is not None):
            self.close(1002, "a fragment out of order")
            return
        if self._fragments is None:
            self._fragments = bytearray((kind,))
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) - 1 > self._frame_bytes:
            self.close(1009, "too big")
        elif frame.fin:
            message, self._fragments = self._fragments, None
            if self._session is not None:
                self._session.received(bytes(message[1:]), text=message[0] == TEXT)
        elif self._session is not None:
            self._session.may_receive()

    def _fell_behind(self) -> None:
        self.close(4008, with_hint("resume", scattered_ms(1_000, random.random())))

    def _linger(self) -> None:
        """Say that nothing more comes, and read the rest into nothing until the client has gone."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.set_protocol(Linger(self))
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        else:
            self._transport.close()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        outbox, self._outbox = self._outbox, None
        self._fragments = None
        if outbox is not None:
            self._door.metrics.dropped.inc(outbox.statistics().dropped_frames)
            outbox.finish()
        if session is not None:
            session.ended()

    def _no_buffer(self, sizehint: int) -> bytearray:
        del sizehint
        return bytearray(1_024)

    def _no_bytes(self, nbytes: int) -> None:
        pass


class SocketFactory:
    """What uvicorn gets as `ws=`: makes one `Socket` an upgrade request."""

    def __init__(self, door: Door, limits: Limits) -> None:
        self._door = door
        self._limits = limits
        logger = logging.getLogger("picows.gateway")
        # What clients do wrong is counted by us; picows would write a line for each.
        logger.setLevel(logging.CRITICAL)
        # An adapter, because for a plain logger picows makes a child of its own for every connection.
        self._logger: Final = logging.LoggerAdapter(logger, {})

    def __call__(self, *, config: object, server_state: object, app_state: object) -> Socket:
        """A socket for one upgrade request; uvicorn's own objects are not used."""
        del config, server_state, app_state
        return Socket(self._door, self._limits, self._logger)
