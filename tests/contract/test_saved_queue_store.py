"""What every SavedQueueStore must do, whatever keeps the rows."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.saved_queues import SqlSavedQueues
from whatssound.ids import TrackId, UserId
from whatssound.rooms.saved_queue_store import (
    MAX_SAVED_QUEUES,
    NameTaken,
    QueueSummary,
    SavedQueue,
    SavedQueueStore,
    SavedTrack,
    TooManyQueues,
)

ANA, BEN = UserId(1), UserId(2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "whatssound.sqlite3"


@pytest.fixture(params=["sqlite"])
async def store(file: Path) -> AsyncIterator[SavedQueueStore]:
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlSavedQueues(database)
    await database.close()


def track(number: int) -> SavedTrack:
    return SavedTrack(TrackId(number), f"Track {number}", "Ana" if number % 2 else None, 1_000 * number)


def queue(id: int = 10, *tracks: int, user: UserId = ANA, name: str = "Friday", updated_ms: int = 5) -> SavedQueue:
    return SavedQueue(id, user, name, name.casefold(), tuple(track(n) for n in tracks), updated_ms)


async def test_a_queue_comes_back_as_it_was_with_repeated_tracks_in_their_places(store: SavedQueueStore) -> None:
    kept = queue(10, 3, 1, 3, 2)
    await store.add(kept)
    assert await store.get(ANA, 10) == kept


async def test_an_empty_queue_may_be_kept(store: SavedQueueStore) -> None:
    await store.add(queue(10))
    assert await store.get(ANA, 10) == queue(10)
    assert await store.of(ANA) == [QueueSummary(10, "Friday", 0, 0, 0, 5)]


async def test_nobody_meets_anybody_else_s(store: SavedQueueStore) -> None:
    await store.add(queue(10, 1))
    await store.add(queue(11, 2, user=BEN))
    assert await store.get(BEN, 10) is None
    assert not await store.remove(BEN, 10)
    assert not await store.replace(queue(10, 9, user=BEN, name="Mine"))
    assert [each.id for each in await store.of(BEN)] == [11]
    assert await store.get(ANA, 10) == queue(10, 1)


async def test_one_person_uses_a_name_once(store: SavedQueueStore) -> None:
    await store.add(queue(10, 1))
    with pytest.raises(NameTaken) as taken:
        await store.add(queue(11, 2, name="FRIDAY"))
    assert taken.value.id == 10
    await store.add(queue(11, 2, name="Saturday"))
    with pytest.raises(NameTaken):
        await store.replace(queue(11, 3))
    assert await store.get(ANA, 11) == queue(11, 2, name="Saturday")


async def test_of_two_who_keep_the_same_name_at_once_one_wins(store: SavedQueueStore) -> None:
    both = await asyncio.gather(store.add(queue(10, 1)), store.add(queue(11, 2)), return_exceptions=True)
    assert [type(each) for each in both].count(NameTaken) == 1
    assert len(await store.of(ANA)) == 1


async def test_replacing_puts_name_and_tracks_in_place_of_the_old_ones(store: SavedQueueStore) -> None:
    await store.add(queue(10, 1, 2, 3))
    changed = queue(10, 5, name="friday", updated_ms=9)
    assert await store.replace(changed)
    assert await store.get(ANA, 10) == changed
    assert not await store.replace(replace(changed, id=99, name="x", name_key="x"))


async def test_a_hundred_are_kept(store: SavedQueueStore) -> None:
    for n in range(MAX_SAVED_QUEUES):
        await store.add(queue(100 + n, name=f"Night {n}"))
    with pytest.raises(TooManyQueues):
        await store.add(queue(10, 1))
    assert await store.get(ANA, 10) is None
    await store.add(queue(10, 1, user=BEN))


async def test_the_newest_come_first_with_their_count_and_length(store: SavedQueueStore) -> None:
    await store.add(queue(10, 1, 2, updated_ms=5))
    await store.add(queue(11, 4, name="Saturday", updated_ms=7))
    assert [(each.id, each.count, each.duration_ms) for each in await store.of(ANA)] == [(11, 1, 4_000), (10, 2, 3_000)]


async def test_tracks_that_cannot_be_played_now_are_counted_as_missing(store: SavedQueueStore, file: Path) -> None:
    in_library(file, 1, "ready")
    in_library(file, 2, "available", offline=True)
    in_library(file, 3, "failed")
    in_library(file, 4, "ready", offline=True)
    in_library(file, 5, "available")
    await store.add(queue(10, 1, 2, 3, 4, 5, 6, 6))
    [summary] = await store.of(ANA)
    assert (summary.count, summary.missing) == (7, 4)


async def test_a_removed_queue_and_a_forgotten_person_leave_nothing(store: SavedQueueStore, file: Path) -> None:
    await store.add(queue(10, 1))
    assert await store.remove(ANA, 10)
    assert not await store.remove(ANA, 10)
    await store.add(queue(11, 1))
    await store.add(queue(12, 1, user=BEN))
    await store.forget_person(ANA)
    assert await store.of(ANA) == []
    with sqlite3.connect(file) as rows:
        assert rows.execute("SELECT queue_id FROM saved_queue_tracks").fetchall() == [(12,)]


def in_library(file: Path, number: int, status: str, *, offline: bool = False) -> None:
    with sqlite3.connect(file) as rows:
        rows.execute(
            "INSERT INTO tracks (id, source, path, title, search, duration_ms, status, size_bytes, mtime_ns, added_ms, "
            "offline) VALUES (?, 'library', ?, 't', 't', 1000, ?, 1, 1, 1, ?)",
            (number, f"/{number}", status, offline),
        )
