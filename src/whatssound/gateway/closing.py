"""The last moments of a connection: reading into nothing, so that our close frame arrives."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

LINGER_S: Final = 2.0
"""How long a client may take to notice that it was closed before the connection is cut."""

_SCRATCH_BYTES = 4_096


class _Mourner(Protocol):
    def connection_lost(self, exc: Exception | None) -> None: ...


class Wire:
    """The transport as picows sees it: its `close` lingers, so that a close frame is not lost to a reset."""

    __slots__ = ("_broken", "_transport")

    def __init__(self, transport: asyncio.Transport, broken: Callable[[], None]) -> None:
        self._transport = transport
        self._broken = broken

    def write(self, data: bytes) -> None:
        """Pass it on."""
        self._transport.write(data)

    def writelines(self, data: list[bytes]) -> None:
        """Pass it on."""
        self._transport.writelines(data)

    def get_write_buffer_size(self) -> int:
        """What waits in the transport."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str) -> Any:
        """What the transport knows."""
        return self._transport.get_extra_info(name)

    def close(self) -> None:
        """The client broke the protocol."""
        self._broken()

    def abort(self) -> None:
        """Cut it."""
        self._transport.abort()


class Linger(asyncio.BufferedProtocol):
    """Takes over a transport that was told its end.

    A connection that is closed while bytes of the client wait unread is reset by the kernel, and the close frame with
    its code may be lost. So they are read and thrown away, until the client hangs up or the connection is cut.
    """

    def __init__(self, socket: _Mourner) -> None:
        self._socket = socket
        self._scratch = bytearray(_SCRATCH_BYTES)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Somewhere for the bytes to go."""
        del sizehint
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """They are gone."""

    def eof_received(self) -> bool:
        """The client has hung up: close our half too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the socket whose connection this was."""
        self._socket.connection_lost(exc)
