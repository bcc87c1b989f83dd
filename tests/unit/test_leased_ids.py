"""No lease, no ids; and none that an earlier holder of the number made."""

import asyncio

import pytest

from whatssound.bus.leases import LIFE_MS, Lease, LeasedSnowflakes, NodeLease
from whatssound.ids import COUNTER_BITS, NODE_BITS, ms_of
from whatssound.wire.errors import Refusal

NOW_MS = 1_800_000_000_000


class Book:
    """A LeaseStore in memory, which can be told to fail or to forget."""

    def __init__(self) -> None:
        self.rows: dict[int, Lease] = {}
        self.fails = False

    async def take(self, holder: str, *, now_ms: float, until_ms: float) -> Lease | None:
        self._may_fail()
        node = next(node for node in range(1_024) if node not in self.rows or self.rows[node].until_ms <= now_ms)
        floor_ms = self.rows[node].until_ms if node in self.rows else 0
        self.rows[node] = lease = Lease(node, holder, int(until_ms), floor_ms)
        return lease

    async def renew(self, lease: Lease, *, until_ms: float) -> Lease | None:
        self._may_fail()
        if self.rows[lease.node].holder != lease.holder:
            return None
        self.rows[lease.node] = renewed = Lease(lease.node, lease.holder, int(until_ms), lease.floor_ms)
        return renewed

    async def release(self, lease: Lease, *, last_ms: float) -> None:
        await self.renew(lease, until_ms=last_ms)

    def _may_fail(self) -> None:
        if self.fails:
            raise OSError("the disk is full")


class Clock:
    """Server time that the test moves."""

    def __init__(self) -> None:
        self.ms = float(NOW_MS)

    def now_ms(self) -> float:
        return self.ms


def node_of(id: int) -> int:
    return id >> COUNTER_BITS & (1 << NODE_BITS) - 1


async def never(_: float) -> None:
    await asyncio.Event().wait()


def lease(book: Book, ids: LeasedSnowflakes, clock: Clock, holder: str = "a") -> NodeLease:
    return NodeLease(book, ids, holder=holder, now_ms=clock.now_ms, sleep=never)


async def test_ids_carry_the_leased_number_and_there_are_none_before_and_after() -> None:
    clock, book = Clock(), Book()
    book.rows[0] = Lease(0, "other", NOW_MS + 1, 0)
    ids = LeasedSnowflakes(clock.now_ms)
    with pytest.raises(Refusal, match="unavailable"):
        ids.next()
    async with lease(book, ids, clock):
        assert node_of(ids.next()) == 1
    with pytest.raises(Refusal, match="unavailable"):
        ids.next()


async def test_a_lease_that_ended_makes_no_more_ids_also_when_nobody_could_renew_it() -> None:
    clock, book = Clock(), Book()
    ids = LeasedSnowflakes(clock.now_ms)
    async with lease(book, ids, clock) as held:
        book.fails = True
        with pytest.raises(OSError, match="full"):
            await held.renew()
        clock.ms += LIFE_MS - 10
        assert ids.next()
        clock.ms += 10
        with pytest.raises(Refusal, match="unavailable"):
            ids.next()
        book.fails = False
        await held.renew()
        assert node_of(ids.next()) == 0


async def test_ids_do_not_run_ahead_of_their_lease() -> None:
    clock, book = Clock(), Book()
    ids = LeasedSnowflakes(clock.now_ms)
    async with lease(book, ids, clock):
        with pytest.raises(Refusal, match="unavailable"):
            ids.next(above_ms=NOW_MS + LIFE_MS)


async def test_whoever_takes_the_number_next_makes_only_larger_ids() -> None:
    clock, book = Clock(), Book()
    before = LeasedSnowflakes(clock.now_ms)
    async with lease(book, before, clock):
        last = [before.next() for _ in range(5_000)][-1]  # more than a ms has: it ran a ms ahead
    assert ms_of(last) == NOW_MS + 1
    clock.ms += 1
    after = LeasedSnowflakes(clock.now_ms)
    async with lease(book, after, clock, "b"):
        first = after.next()
        assert node_of(first) == node_of(last)
        assert first > last


async def test_who_lost_its_number_goes_on_with_another() -> None:
    clock, book = Clock(), Book()
    ids = LeasedSnowflakes(clock.now_ms)
    async with lease(book, ids, clock) as held:
        book.rows[0] = Lease(0, "thief", NOW_MS + LIFE_MS, 0)
        await held.renew()
        assert node_of(ids.next()) == 1
        assert held.statistics().node == 1
