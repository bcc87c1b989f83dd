"""Writing past the event loop, on real connections: nothing is reordered, cut or written to somebody else."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
import uvloop

from whatssound.gateway.straight import straight_writer

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


class Server(asyncio.Protocol):
    """A server side that remembers its transport and its end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.lost.set()


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Server, asyncio.Transport, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    theirs.setblocking(False)
    server = Server()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: server, ours)
    with theirs:
        yield server, cast(asyncio.Transport, transport), theirs
        transport.abort()
        await server.lost.wait()


async def received(theirs: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        data += await loop.sock_recv(theirs, 65_536)
    return data


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_write_has_called_the_system_when_it_returns(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        async with connected() as (_, transport, theirs):
            straight_writer(transport)(b"now")
            assert theirs.recv(10) == b"now"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_order_is_kept_between_both_ways_of_writing_and_through_a_full_socket(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def story() -> None:
        async with connected() as (_, transport, theirs):
            write, sent = straight_writer(transport), b""
            for number in range(2_000):
                part = b"%06d" % number * 50
                (transport.write if number % 7 == 3 else write)(part)
                sent += part
                if number % 100 == 0:
                    await asyncio.sleep(0)
            assert transport.get_write_buffer_size() > 0
            assert await received(theirs, len(sent)) == sent

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_peer_that_has_gone_is_the_transports_to_notice(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        async with connected() as (server, transport, theirs):
            transport.pause_reading()
            theirs.close()
            write = straight_writer(transport)
            async with asyncio.timeout(20):
                while not server.lost.is_set():
                    write(b"x" * 1_000)
                    await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())
