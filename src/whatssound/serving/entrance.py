"""Lets a connection in that the event loop did not accept itself."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from whatssound.gateway.closing import LINGER_S
from whatssound.gateway.handshake import http_answer
from whatssound.wire.errors import Refusal


class Entrance:
    """Gives each connection a transport of the running loop, and a protocol that `make` makes."""

    def __init__(self, make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._make = make
        self._entering: set[asyncio.Task[None]] = set()

    def let_in(self, connection: socket.socket) -> None:
        """It is the transport's from now on."""
        connection.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # it left meanwhile
                await asyncio.get_running_loop().connect_accepted_socket(self._make, connection)
        except BaseException:
            connection.close()
            raise


class TurnedAway(asyncio.Protocol):
    """Answers every request with `refusal`, reads the rest into nothing so that the answer arrives, and hangs up."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it."""
        out = cast(asyncio.Transport, transport)
        out.write(http_answer(self._refusal))
        out.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, out.abort)
