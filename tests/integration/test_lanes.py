"""A crowd writes past the event loop, on real connections: nothing is reordered, cut or written to somebody else."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
import uvloop

from whatssound.gateway.burst import Part
from whatssound.gateway.crowd import Crowd
from whatssound.gateway.lanes import Lanes, lane_of
from whatssound.gateway.outbox import Outbox

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


class Server(asyncio.Protocol):
    """A server side that remembers its transport and its end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()
        self.outbox: Outbox | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        assert self.outbox is not None
        self.outbox.paused()

    def resume_writing(self) -> None:
        assert self.outbox is not None
        self.outbox.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.outbox is not None:
            self.outbox.finish()
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


def outbox_for(server: Server, transport: asyncio.Transport, lanes: Lanes) -> Outbox:
    transport.set_write_buffer_limits(high=0)
    server.outbox = Outbox(
        transport.write,
        transport.abort,
        limit_bytes=10_000_000,
        limit_s=1e9,
        now_s=lambda: 0.0,
        lanes=lanes,
        fd=lane_of(transport),
    )
    return server.outbox


def write(crowd: Crowd, frame: bytes) -> None:
    crowd.add(Part(frame))
    crowd.call()
    assert crowd.write(1.0).finished


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_write_has_called_the_system_when_it_returns(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        lanes = Lanes()
        async with connected() as (server, transport, theirs):
            crowd = Crowd(lambda: 0.0, lanes)
            outbox = outbox_for(server, transport, lanes)
            crowd.enter("a", outbox)
            assert lanes.free[lane_of(transport)] is outbox
            write(crowd, b"now")
            assert theirs.recv(10) == b"now"
            outbox.send(b"and an answer")
            assert theirs.recv(20) == b"and an answer"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_order_is_kept_between_all_ways_of_writing_and_through_a_full_socket(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def story() -> None:
        lanes = Lanes()
        async with connected() as (server, transport, theirs):
            crowd, sent, blocked = Crowd(lambda: 0.0, lanes), b"", 0
            outbox = outbox_for(server, transport, lanes)
            crowd.enter("a", outbox)
            reading = asyncio.create_task(received(theirs, 3_000 * 300))
            for number in range(3_000):
                part = b"%06d" % number * 50
                if number % 7 == 3:
                    outbox.send(part)
                else:
                    write(crowd, part)
                sent += part
                blocked += lanes.free[outbox.fd] is None
                if number % 600 == 0:
                    await asyncio.sleep(0)
            assert blocked > 0
            assert await reading == sent
            for _ in range(5):
                await asyncio.sleep(0)  # the loop learns that there is room
            assert lanes.free[outbox.fd] is outbox

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_peer_that_has_gone_is_the_transports_to_notice(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        lanes = Lanes()
        async with connected() as (server, transport, theirs):
            crowd = Crowd(lambda: 0.0, lanes)
            outbox = outbox_for(server, transport, lanes)
            crowd.enter("a", outbox)
            transport.pause_reading()
            theirs.close()
            async with asyncio.timeout(20):
                while not server.lost.is_set():
                    write(crowd, b"x" * 1_000)
                    await asyncio.sleep(0)
            assert lanes.free[outbox.fd] is None

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_descriptor_that_somebody_else_has_now_gets_nothing_of_the_old_ones(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def story() -> None:
        lanes = Lanes()
        crowd = Crowd(lambda: 0.0, lanes)
        async with connected() as (server, transport, _):
            old = outbox_for(server, transport, lanes)
            crowd.enter("old", old)
        async with connected() as (server, transport, theirs):
            new = outbox_for(server, transport, lanes)
            new.fd = old.fd  # as if the system had given it again, and nobody had told the crowd
            lanes.clear(new)
            write(crowd, b"for the old one")
            with pytest.raises(BlockingIOError):
                theirs.recv(10)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())
