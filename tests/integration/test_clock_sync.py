"""Nodes whose clocks are wrong and run unevenly tell one time."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import combinations

import pytest

from whatssound.adapters.memory import MemoryBus
from whatssound.bus import clock_sync
from whatssound.bus.clock_sync import ClockSync
from whatssound.bus.members import Members
from whatssound.bus.timeline import Timeline

AGREE_MS = 5.0


class World(MemoryBus):
    """The true time, which passes on the way of each question: 0.2 to 3 ms there, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.true_ms = 1_000_000.0
        self.carries = True
        self._random = random.Random(4)

    def publish(self, topic: str, message: bytes) -> bool:
        return self.carries and super().publish(topic, message)

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        self.true_ms += self._random.uniform(0.2, 3)
        answer = await super().request(topic, message, timeout_s=timeout_s)
        self.true_ms += self._random.uniform(0.2, 3)
        return answer


@dataclass
class Node:
    """A process: its clocks, its place among the others, its life."""

    world: World
    name: str
    owns: bool
    wall_ahead_ms: float
    ppm: float
    life: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.timeline = Timeline(wall_ns=self._wall_ns, monotonic_ns=self._monotonic_ns)
        self.members = Members(
            self.world,
            self.name,
            owns=self.owns,
            start_ms=int(self.world.true_ms),
            now_s=lambda: self.world.true_ms / 1e3,
        )
        self.sync = ClockSync(self.world, self.members, self.timeline, owns=self.owns)

    async def start(self) -> None:
        """Join the others; returns when it serves."""
        await self.life.enter_async_context(self.members)
        await self.life.enter_async_context(self.sync)
        await self.sync.ready()

    async def die(self) -> None:
        """Gone without a farewell."""
        self.world.carries = False
        await self.life.aclose()
        self.world.carries = True

    def _wall_ns(self) -> int:
        return int((1_800_000_000_000 + self.world.true_ms + self.wall_ahead_ms) * 1e6)

    def _monotonic_ns(self) -> int:
        return int(self.world.true_ms * (1 + self.ppm / 1e6) * 1e6)


class Cluster:
    """The nodes that are alive."""

    def __init__(self) -> None:
        self.world = World()
        self.nodes: list[Node] = []

    async def start(self, name: str, *, owns: bool = True, wall_ahead_ms: float = 0, ppm: float = 0) -> Node:
        """One more node."""
        node = Node(self.world, name, owns, wall_ahead_ms, ppm)
        await node.start()
        self.nodes.append(node)
        return node

    async def kill(self, node: Node) -> None:
        """One node less, without a farewell."""
        self.nodes.remove(node)
        await node.die()

    async def pass_seconds(self, seconds: int) -> float:
        """Let time pass; every node looks once a second. How far any two were apart at most, ms.

        Fails when a node's time stepped.
        """
        worst = 0.0
        for _ in range(seconds):
            before = [(node.timeline.now_ms(), self.world.true_ms) for node in self.nodes]
            self.world.true_ms += 1_000
            for node in self.nodes:
                node.members.look()
            for node in self.nodes:
                await node.sync.look()
            for node, (was_ms, true_ms) in zip(self.nodes, before, strict=True):
                passed_ms = self.world.true_ms - true_ms
                assert abs(node.timeline.now_ms() - was_ms - passed_ms) < passed_ms * (1 / 2_000 + 1e-4) + 0.01, (
                    "a step"
                )
            worst = max(worst, self.apart_ms())
        return worst

    def apart_ms(self) -> float:
        """How far any two are apart now."""
        now = [node.timeline.now_ms() for node in self.nodes]
        return max((abs(one - two) for one, two in combinations(now, 2)), default=0.0)


@pytest.fixture
async def cluster(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(clock_sync, "FIRST_EVERY_S", 0.0)
    monkeypatch.setattr(clock_sync, "LISTEN_S", 0.01)
    cluster = Cluster()
    yield cluster
    for node in tuple(cluster.nodes):
        await cluster.kill(node)


async def test_clocks_300_ms_ahead_and_behind_and_one_that_is_set_agree_within_5_ms(cluster: Cluster) -> None:
    await cluster.start("one", wall_ahead_ms=300, ppm=20)
    await cluster.start("two", wall_ahead_ms=-300, ppm=-20)
    stepped = await cluster.start("three", wall_ahead_ms=0)
    assert cluster.apart_ms() < AGREE_MS
    stepped.wall_ahead_ms = 3_600_000
    assert await cluster.pass_seconds(300) < AGREE_MS


async def test_they_agree_also_after_the_reference_was_killed_and_nobody_s_time_steps(cluster: Cluster) -> None:
    for name, ahead_ms, ppm in (("one", 300, 20), ("two", -300, -20), ("three", 0, 10)):
        await cluster.start(name, wall_ahead_ms=ahead_ms, ppm=ppm)
    await cluster.pass_seconds(30)
    while len(cluster.nodes) > 1:
        [reference] = [node for node in cluster.nodes if node.sync.statistics().leads]
        assert reference.timeline.err_ms() == 0
        await cluster.kill(reference)
        if len(cluster.nodes) > 1:
            assert await cluster.pass_seconds(60) < AGREE_MS


async def test_an_owner_that_starts_anew_takes_its_time_from_those_who_only_hold_sockets(cluster: Cluster) -> None:
    owner = await cluster.start("owner", wall_ahead_ms=300)
    await cluster.start("w1", owns=False, wall_ahead_ms=-300, ppm=20)
    await cluster.start("w2", owns=False, wall_ahead_ms=50_000, ppm=-20)
    await cluster.pass_seconds(10)
    await cluster.kill(owner)
    assert await cluster.pass_seconds(10) < AGREE_MS
    again = await cluster.start("owner", wall_ahead_ms=-2_000)
    assert cluster.apart_ms() < AGREE_MS
    assert await cluster.pass_seconds(60) < AGREE_MS
    assert again.sync.statistics().leads


async def test_a_follower_says_how_far_off_it_is_at_most(cluster: Cluster) -> None:
    await cluster.start("owner", wall_ahead_ms=300)
    follower = await cluster.start("gateway", owns=False, ppm=30)
    for _ in range(60):
        apart_ms = await cluster.pass_seconds(1)
        assert apart_ms <= follower.timeline.err_ms() + 0.1
    assert 0 < follower.timeline.err_ms() < AGREE_MS


async def test_a_newcomer_that_would_be_the_reference_moves_nobody_s_time(cluster: Cluster) -> None:
    await cluster.start("b", wall_ahead_ms=0)
    await cluster.pass_seconds(3)
    for name in ("c", "d", "e", "f"):
        await cluster.start(name, wall_ahead_ms=300)
        assert await cluster.pass_seconds(20) < AGREE_MS
    assert sum(node.sync.statistics().leads for node in cluster.nodes) == 1
