"""Connections on their way to the right process: bounded, and nobody waits for who says nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from whatssound.serving import handover, peeking
from whatssound.serving.acceptor import Acceptor
from whatssound.serving.handover import GivingAway, TakingOver
from whatssound.serving.line import Cover, Line, Message, Peer, pair
from whatssound.serving.listener import listening_sockets
from whatssound.serving.peeking import Peeking


class Basket:
    """Takes connections, and tells when there are more."""

    def __init__(self) -> None:
        self.taken: list[socket.socket] = []
        self._more = asyncio.Event()

    def take(self, connection: socket.socket) -> None:
        self.taken.append(connection)
        self._more.set()

    async def hold(self, count: int) -> list[socket.socket]:
        """What is in it, once there are so many."""
        async with asyncio.timeout(20):
            while len(self.taken) < count:
                self._more.clear()
                await self._more.wait()
        return self.taken

    def empty(self) -> None:
        for connection in self.taken:
            connection.close()


@pytest.fixture
async def here() -> AsyncIterator[Basket]:
    basket = Basket()
    yield basket
    basket.empty()


@pytest.fixture
async def there() -> AsyncIterator[Basket]:
    basket = Basket()
    yield basket
    basket.empty()


def knocking(count: int) -> tuple[list[socket.socket], list[socket.socket]]:
    """So many connections over TCP: the clients' ends and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = [(socket.create_connection(listener.getsockname()), listener.accept()[0]) for _ in range(count)]
    return [one for one, _ in ends], [other for _, other in ends]


async def test_a_connection_changes_hands_with_its_bytes_unread(here: Basket, there: Basket) -> None:
    ours, theirs = pair()
    giving, taking = GivingAway(here.take), TakingOver(there.take)
    giving.meet(ours)
    taking.meet(1, theirs)
    clients, connections = knocking(40)
    for n, (client, connection) in enumerate(zip(clients, connections, strict=True)):
        client.sendall(b"%d" % n)
        giving.give(connection)
    taken = await there.hold(40)
    assert [connection.recv(10) for connection in taken] == [b"%d" % n for n in range(40)]
    assert giving.statistics() == (40, 0, 0)
    giving.close()
    await taking.all_gone(20)
    assert taking.peers == set()
    for client in clients:
        client.close()


async def test_who_cannot_be_given_away_is_refused(here: Basket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "WAITING", 5)
    giving = GivingAway(here.take)
    clients, connections = knocking(1_000)
    giving.give(connections[0])
    assert here.taken == connections[:1], "nobody is there"
    ours, theirs = pair()
    giving.meet(ours)
    for connection in connections[1:]:
        giving.give(connection)
    given, refused, waiting = giving.statistics()
    assert waiting == 5
    assert given + refused + waiting == 1_000
    theirs.close()  # never reads, and dies: those that wait are refused
    await here.hold(refused + 5)
    assert not giving.has_peer
    for client in clients:
        client.close()


async def test_half_a_head_is_looked_at_once_and_not_again_before_there_is_more(here: Basket, there: Basket) -> None:
    looked: list[bytes] = []

    def is_here(head: bytes) -> bool | None:
        looked.append(head)
        return True if head.endswith(b"!") else None

    peeking = Peeking(is_here, here=here.take, there=there.take)
    [client], [connection] = knocking(1)
    client.sendall(b"ha")
    peeking.take(connection)
    for _ in range(50):  # a wake-up for what was seen already would come in each of these turns
        await asyncio.sleep(0)
    assert looked == [b"ha"]
    client.sendall(b"lf!")
    [kept] = await here.hold(1)
    assert kept.recv(10) == b"half!"
    assert peeking.statistics().waiting == 0
    client.close()


async def test_who_hangs_up_in_the_middle_of_a_head_is_not_waited_for(here: Basket, there: Basket) -> None:
    peeking = Peeking(lambda _: None, here=here.take, there=there.take)
    clients, connections = knocking(2)
    for connection in connections:
        peeking.take(connection)
    clients[0].close()
    clients[1].sendall(b"GET /so")
    clients[1].shutdown(socket.SHUT_WR)
    [half] = await there.hold(1)
    assert half is connections[1]
    assert connections[0].fileno() == -1
    assert peeking.statistics().waiting == 0
    clients[1].close()


async def test_the_silent_are_closed_in_time_and_when_there_are_too_many(
    here: Basket, there: Basket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "WAITING", 3)
    monkeypatch.setattr(peeking, "_LOOK_EVERY_S", 0.01)
    now_s = 0.0
    looking = Peeking(lambda _: None, here=here.take, there=there.take, now_s=lambda: now_s)
    clients, connections = knocking(5)
    for connection in connections:
        looking.take(connection)
    assert [connection.fileno() >= 0 for connection in connections] == [False, False, True, True, True]
    now_s = peeking.HEAD_S
    async with asyncio.timeout(20):
        for client in clients:
            client.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
    assert looking.statistics() == (0, 3, 2)
    for client in clients:
        client.close()


async def test_one_takes_over_the_sockets_of_another_and_gives_them_back(here: Basket) -> None:
    listeners = listening_sockets("127.0.0.1", 0, 2)
    address = listeners[0].getsockname()
    assert listeners[1].getsockname() == address
    acceptor = Acceptor(listeners, 0, here.take)
    acceptor.start()
    acceptor.cover([1])
    clients = [socket.create_connection(address) for _ in range(64)]
    await here.hold(64)
    accepted, covered, _ = acceptor.statistics()
    assert accepted == 64
    assert 0 < covered < 64, "that a hash gives one of two nothing of 64 happens once in 10^19 times"
    acceptor.cover([])
    acceptor.close()
    for client in clients:
        client.close()


async def test_a_line_brings_messages_and_descriptors_in_order_and_tells_of_its_end() -> None:
    one, other = pair()
    told: asyncio.Queue[Message | None] = asyncio.Queue()
    brought: list[int] = []

    def heard(message: Message, descriptors: list[int]) -> None:
        brought.extend(descriptors)
        told.put_nowait(message)

    Line(other).listen(heard, lambda: told.put_nowait(None))
    sender = Line(one)
    inner, outer = pair()
    assert sender.send(Cover((1, 2)))
    assert sender.send(Peer(3), inner.fileno())
    sender.close()
    async with asyncio.timeout(20):
        assert [await told.get() for _ in range(3)] == [Cover((1, 2)), Peer(3), None]
    [descriptor] = brought
    with inner, outer, socket.socket(fileno=descriptor) as copy:
        copy.send(b"x")
        assert outer.recv(1) == b"x"
