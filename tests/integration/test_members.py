"""Nodes that find and lose each other over the bus; their clocks are the test's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from whatssound.adapters.memory import MemoryBus
from whatssound.bus.members import Members
from whatssound.bus.roster import DEAD_S


class Cluster:
    """Nodes on one bus."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.bus = MemoryBus()
        self.now_s = 0.0
        self._stack = stack

    async def node(self, name: str, *, owns: bool = True, ready: bool = True) -> Members:
        """A node that has come."""
        members = Members(self.bus, name, owns=owns, start_ms=1, now_s=lambda: self.now_s)
        await self._stack.enter_async_context(members)
        if ready:
            members.ready()
        return members


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        yield Cluster(stack)


def ring(members: Members) -> tuple[str, ...]:
    return () if members.ring is None else members.ring.nodes


async def test_all_see_the_same_ring_also_who_comes_late_and_only_holds_sockets(cluster: Cluster) -> None:
    one, two = await cluster.node("one"), await cluster.node("two")
    late = await cluster.node("gateway", owns=False)
    assert ring(one) == ring(two) == ring(late) == ("one", "two")
    assert [one.owns(room) for room in range(20)] == [not two.owns(room) for room in range(20)]
    assert not any(late.owns(room) for room in range(20))


async def test_a_node_owns_nothing_before_it_is_ready(cluster: Cluster) -> None:
    one = await cluster.node("one")
    two = await cluster.node("two", ready=False)
    assert ring(one) == ring(two) == ("one",)
    two.ready()
    assert ring(one) == ring(two) == ("one", "two")


async def test_who_leaves_is_off_the_ring_at_once(cluster: Cluster) -> None:
    one = await cluster.node("one")
    async with Members(cluster.bus, "two", owns=True, start_ms=1, now_s=lambda: cluster.now_s) as two:
        two.ready()
        assert ring(one) == ("one", "two")
    assert ring(one) == ("one",)


async def test_who_is_silent_for_five_seconds_is_off_the_ring_and_returns_with_its_next_beat(cluster: Cluster) -> None:
    one, two = await cluster.node("one"), await cluster.node("two")
    changes: list[tuple[str, ...]] = []
    one.on_change(lambda: changes.append(ring(one)))
    cluster.now_s = DEAD_S
    one.look()
    assert changes[-1] == ("one",)
    two.look()
    assert changes[-1] == ("one", "two")


async def test_the_ring_is_another_object_only_when_it_changed(cluster: Cluster) -> None:
    one = await cluster.node("one")
    before = one.ring
    await cluster.node("gateway", owns=False)
    one.look()
    assert one.ring is before
    await cluster.node("two")
    assert one.ring is not before
    assert one.statistics().owners == 2


async def test_what_is_no_beat_is_ignored(cluster: Cluster) -> None:
    one = await cluster.node("one")
    cluster.bus.publish("members", b"nonsense")
    assert ring(one) == ("one",)
