"""Who was here is written down together, and whose account is gone is found out."""

import errno
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from whatssound.accounts.sightings import BATCH, SEEN_EVERY_MS, Sightings
from whatssound.accounts.user import User
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.ids import UserId

T0 = 10 * SEEN_EVERY_MS


class Watched(SqlAccounts):
    """The store, with a note of every batch, and a disk that may be full."""

    batches: list[int]
    full = False

    async def seen(self, ids: Sequence[UserId], *, now_ms: int, stale_ms: int) -> set[UserId]:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.batches.append(len(ids))
        return await super().seen(ids, now_ms=now_ms, stale_ms=stale_ms)


class House:
    """Sightings over a real file; time is the test's."""

    def __init__(self, store: Watched) -> None:
        self.store = store
        self.now_ms = float(T0)
        self.gone: list[UserId] = []
        self.sightings = Sightings(store, now_ms=lambda: self.now_ms, gone=self.gone.append)

    async def people(self, count: int) -> list[UserId]:
        ids = [UserId(n + 1) for n in range(count)]
        for id in ids:
            await self.store.add(User(id, f"P{id}", "guest"), f"p{id}", now_ms=0)
        return ids


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    store = Watched(database)
    store.batches = []
    yield House(store)
    await database.close()


async def test_everybody_of_a_second_is_one_read_and_one_write_and_stays_a_guest(at: House) -> None:
    people = await at.people(20)
    for id in people:
        at.sightings.note(id)
    await at.sightings.write()
    assert at.store.batches == [20]
    await at.store.forget(guests_unseen_since_ms=T0, now_ms=T0)
    assert all([await at.store.get(id) is not None for id in people])
    assert at.sightings.statistics() == (20, 0)


async def test_coming_back_within_the_hour_is_not_looked_at_again(at: House) -> None:
    [ana] = await at.people(1)
    for minutes in (0, 30, 59, 61):
        at.now_ms = T0 + minutes * 60_000
        at.sightings.note(ana)
        await at.sightings.write()
    assert at.store.batches == [1, 1]


async def test_who_has_no_account_any_more_is_named(at: House) -> None:
    ghost = UserId(99)
    for id in [*await at.people(1), ghost]:
        at.sightings.note(id)
    await at.sightings.write()
    assert at.gone == [ghost]


async def test_very_many_are_written_in_parts(at: House) -> None:
    for n in range(BATCH + 1):
        at.sightings.note(UserId(n + 1))
    await at.sightings.write()
    assert at.store.batches == [BATCH, 1]


async def test_on_a_full_disk_the_notes_wait(at: House) -> None:
    [ana] = await at.people(1)
    at.store.full = True
    at.sightings.note(ana)
    await at.sightings.write()
    at.store.full = False
    await at.sightings.write()
    assert at.store.batches == [1]


async def test_the_last_notes_are_written_at_the_end(at: House) -> None:
    [ana] = await at.people(1)
    async with at.sightings:
        at.sightings.note(ana)
    assert at.store.batches == [1]
