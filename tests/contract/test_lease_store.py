"""What every LeaseStore must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.leases import SqlLeases
from whatssound.bus.leases import Lease, LeaseStore


@pytest.fixture(params=["sqlite"])
async def stores(tmp_path: Path) -> AsyncIterator[list[LeaseStore]]:
    """Two processes' views of one store."""
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    databases = [Database(sqlite_url(file)) for _ in range(2)]
    yield [SqlLeases(database) for database in databases]
    for database in databases:
        await database.close()


@pytest.fixture
def store(stores: list[LeaseStore]) -> LeaseStore:
    return stores[0]


async def test_the_lowest_free_number_is_given(store: LeaseStore) -> None:
    assert await store.take("a", now_ms=100, until_ms=200) == Lease(0, "a", 200, 0)
    assert await store.take("b", now_ms=100, until_ms=200) == Lease(1, "b", 200, 0)


async def test_who_takes_a_number_after_its_time_begins_where_that_ended(store: LeaseStore) -> None:
    await store.take("a", now_ms=100, until_ms=200)
    assert await store.take("b", now_ms=199, until_ms=300) == Lease(1, "b", 300, 0)
    assert await store.take("c", now_ms=200, until_ms=300) == Lease(0, "c", 300, 200)


async def test_a_number_whose_holder_s_clock_was_ahead_waits_for_that_time(store: LeaseStore) -> None:
    first = await store.take("ahead", now_ms=1_000_000, until_ms=1_000_100)
    assert first is not None
    await store.release(first, last_ms=1_000_050)
    assert (await store.take("b", now_ms=100, until_ms=200)) == Lease(1, "b", 200, 0)
    assert (await store.take("c", now_ms=1_000_050, until_ms=1_000_200)) == Lease(0, "c", 1_000_200, 1_000_050)


async def test_a_renewed_number_is_held_longer_and_keeps_its_floor(store: LeaseStore) -> None:
    lease = await store.take("a", now_ms=100, until_ms=200)
    assert lease is not None
    assert await store.renew(lease, until_ms=300) == Lease(0, "a", 300, 0)
    assert (await store.take("b", now_ms=250, until_ms=400)) == Lease(1, "b", 400, 0)


async def test_who_lost_its_number_is_told_and_cannot_give_it_away(store: LeaseStore) -> None:
    lease = await store.take("a", now_ms=100, until_ms=200)
    assert lease is not None
    await store.take("b", now_ms=200, until_ms=300)
    assert await store.renew(lease, until_ms=400) is None
    await store.release(lease, last_ms=150)
    assert (await store.take("c", now_ms=250, until_ms=300)) == Lease(1, "c", 300, 0)


async def test_a_number_given_back_is_free_at_once_and_continues_after_the_last_id(store: LeaseStore) -> None:
    lease = await store.take("a", now_ms=100, until_ms=200)
    assert lease is not None
    await store.release(lease, last_ms=120)
    assert await store.take("b", now_ms=130, until_ms=230) == Lease(0, "b", 230, 120)


async def test_two_processes_never_get_the_same_number(stores: list[LeaseStore]) -> None:
    for at in (100, 300):  # at first there is no row, then each is free again
        taken = await asyncio.gather(
            *(stores[n % 2].take(f"{at}-{n}", now_ms=at, until_ms=at + 100) for n in range(10))
        )
        assert sorted(lease.node for lease in taken if lease is not None) == list(range(10))


async def test_none_is_given_when_all_are_held(store: LeaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatssound.adapters.sql.leases.NODES", 2)
    for holder in ("a", "b"):
        assert await store.take(holder, now_ms=100, until_ms=200) is not None
    assert await store.take("c", now_ms=100, until_ms=200) is None
