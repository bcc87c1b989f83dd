"""Writing to a socket without a detour through the event loop."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast


class _Straight:
    """A plain TCP transport together with the descriptor under it."""

    __slots__ = ("_fd", "_pending", "_write")

    def __init__(self, transport: asyncio.Transport, fd: int) -> None:
        self._fd = fd
        self._pending = transport.get_write_buffer_size
        self._write = transport.write

    def write(self, data: bytes) -> None:
        """Call the system now; what it does not take is the transport's to bring.

        Good until `connection_lost`, which transports call before they give the descriptor back.
        """
        if self._pending():
            self._write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except OSError:
            sent = 0  # it is full, or broken: the transport finds out which, and tells
        if sent < len(data):
            self._write(memoryview(data)[sent:])


def straight_writer(transport: asyncio.Transport) -> Callable[[bytes], None]:
    """A `write` whose system call is over when it returns.

    uvloop's own waits for the end of the loop's round, and then writes to everybody in one go: no flush could be cut
    into slices, and none measured. Over TLS it is the transport's own.
    """
    under = cast("socket.socket | None", transport.get_extra_info("socket"))
    if under is None or under.fileno() < 0 or transport.get_extra_info("sslcontext") is not None:
        return transport.write
    return _Straight(transport, under.fileno()).write
