"""What every RoomStore must do, whatever keeps the rows."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from room_builders import DEVICE, LEO, T0, after, entry, room
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.ids import RoomId, UserId
from whatssound.rooms.commands import AddEntries, Appoint, Ban, End, Mute, Play, Tick
from whatssound.rooms.reports import Watch
from whatssound.rooms.room import Room, due_ms
from whatssound.rooms.store import RoomStore, SlugTaken
from whatssound.wire import events

ME, OTHER = "node 0:start 1", "node 0:start 2"


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[RoomStore]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlRooms(database)
    await database.close()


def another(id: int, *, listed: bool = False, dj: str = "1") -> Room:
    user = events.User(id=dj, name="Dana", role="dj")
    return replace(room(10_000), id=RoomId(id), slug=f"room-{id}", dj=user, settings=events.Settings(listed=listed))


async def stored(store: RoomStore, id: RoomId) -> Room:
    row = await store.get(id)
    assert row is not None
    return row.room


async def test_a_room_comes_back_as_it_was(store: RoomStore) -> None:
    full = after(
        room(10_000, 20_000, 0),
        (0, Play(DEVICE)),
        (1, AddEntries((entry(8), entry(9)), "nonce")),
        (2, Mute(LEO, int(T0) + 9)),
        (3, Ban(events.User(id="3", name="Mia"), True)),
        (4, Appoint(events.User(id="4", name="Kim"), True)),
        (12_000, Tick()),
    )
    await store.create(full, owner=ME)
    row = await store.get(full.id)
    assert row is not None
    assert row.room == replace(full, watch=Watch())
    assert (row.owner, row.seen_ms) == (ME, T0)
    assert await store.by_slug(full.slug) == row


async def test_what_is_not_there_is_none(store: RoomStore) -> None:
    assert await store.get(RoomId(404)) is None
    assert await store.by_slug("nowhere") is None
    assert await store.take(RoomId(404), owner=ME) is None


async def test_a_slug_is_taken_once(store: RoomStore) -> None:
    await store.create(another(1), owner=ME)
    with pytest.raises(SlugTaken):
        await store.create(replace(another(2), slug="room-1"), owner=ME)
    assert await store.get(RoomId(2)) is None


async def test_a_save_needs_the_rev_that_was_read(store: RoomStore) -> None:
    start = another(1)
    await store.create(start, owner=ME)
    played = after(start, (0, Play(DEVICE)))
    assert await store.save(played, was_rev=start.rev, owner=ME)
    assert not await store.save(after(start, (5, Play("phone"))), was_rev=start.rev, owner=ME)
    assert (await stored(store, start.id)).playback.device == DEVICE


async def test_taking_a_room_counts_up_and_locks_the_one_before_out(store: RoomStore) -> None:
    start = another(1)
    await store.create(start, owner=OTHER)
    taken = await store.take(start.id, owner=ME)
    assert taken is not None
    assert (taken.owner, taken.room.rev, taken.room.playback.rev) == (ME, start.rev + 1, start.playback.rev)
    assert not await store.save(after(start, (0, Play(DEVICE))), was_rev=start.rev, owner=OTHER)
    assert not await store.save(after(taken.room, (0, Play(DEVICE))), was_rev=taken.room.rev, owner=OTHER)
    assert await store.save(after(taken.room, (0, Play(DEVICE))), was_rev=taken.room.rev, owner=ME)


async def test_of_many_who_save_at_once_one_wins(store: RoomStore) -> None:
    start = another(1)
    await store.create(start, owner=ME)
    rivals = [after(start, (0, Play(f"device {n}"))) for n in range(10)]
    won = await asyncio.gather(*(store.save(rival, was_rev=start.rev, owner=ME) for rival in rivals))
    assert won.count(True) == 1
    assert await stored(store, start.id) == replace(rivals[won.index(True)], watch=Watch())


async def test_due_rooms_come_earliest_first_and_ended_ones_never(store: RoomStore) -> None:
    soon = after(another(1), (0, Play(None, position_ms=9_000.0)))
    later = after(another(2), (0, Play(None, position_ms=5_000.0)))
    idle = another(3)
    ended = after(another(4), (0, Play(None)), (1, End()))
    for each in (later, soon, idle, ended):
        await store.create(each, owner=ME)
    assert due_ms(soon) == T0 + 1_000
    assert await store.due_before(T0 + 60_000, limit=10) == [soon.id, later.id]
    assert await store.due_before(T0 + 60_000, limit=1) == [soon.id]
    assert await store.due_before(T0 + 1_000, limit=10) == []


async def test_listed_rooms_and_those_of_a_dj_are_open_ones_newest_first(store: RoomStore) -> None:
    rooms = [
        another(1, listed=True),
        another(2, dj="8"),
        another(3, listed=True, dj="8"),
        after(another(4, listed=True, dj="8"), (0, End())),
    ]
    for each in rooms:
        await store.create(each, owner=ME)
    assert [row.room.id for row in await store.listed(limit=10)] == [3, 1]
    assert [row.room.id for row in await store.listed(limit=1)] == [3]
    assert [row.room.id for row in await store.of_dj(UserId(8), limit=10)] == [3, 2]


async def test_a_walk_over_open_rooms_meets_each_once_in_the_order_of_ids(store: RoomStore) -> None:
    for each in (another(3), another(1), after(another(2), (0, End())), another(4)):
        await store.create(each, owner=ME)
    assert [row.room.id for row in await store.open_after(RoomId(0), limit=2)] == [1, 3]
    assert [row.room.id for row in await store.open_after(RoomId(3), limit=2)] == [4]
    assert await store.open_after(RoomId(4), limit=2) == []


async def test_a_room_stored_before_saving_was_a_setting_is_read_as_not_allowing_it(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    store = SqlRooms(database)
    await store.create(another(1), owner=ME)
    with sqlite3.connect(file) as connection:
        [[body]] = connection.execute("SELECT body FROM rooms").fetchall()
        assert b',"allow_saving":false' in body
        connection.execute("UPDATE rooms SET body = ?", (body.replace(b',"allow_saving":false', b""),))
    assert (await stored(store, RoomId(1))).settings == events.Settings()
    await database.close()


async def test_a_touch_notes_the_device_without_a_new_rev(store: RoomStore) -> None:
    start = after(another(1), (0, Play(DEVICE)))
    await store.create(start, owner=ME)
    await store.touch(start.id, owner=ME, seen_ms=T0 + 5_000, due_ms=T0 + 10_000)
    row = await store.get(start.id)
    assert row is not None
    assert (row.seen_ms, row.room.rev) == (T0 + 5_000, start.rev)
    assert await store.due_before(T0 + 10_001, limit=1) == [start.id]
    await store.touch(start.id, owner=OTHER, seen_ms=T0 + 9_000, due_ms=None)
    assert await store.get(start.id) == row


async def test_rooms_that_name_somebody_are_found_whoever_opened_them_also_ended_ones(store: RoomStore) -> None:
    rooms = [
        another(1, dj="8"),
        after(another(2, dj="8"), (0, End())),
        another(3),
        after(another(4), (0, Ban(LEO, banned=True))),
        another(5, dj="88"),
    ]
    for each in rooms:
        await store.create(each, owner=ME)
    assert [row.room.id for row in await store.naming(UserId(8), after=RoomId(0), limit=10)] == [1, 2]
    assert [row.room.id for row in await store.naming(UserId(8), after=RoomId(1), limit=10)] == [2]
    assert [row.room.id for row in await store.naming(UserId(8), after=RoomId(0), limit=1)] == [1]
    assert [row.room.id for row in await store.naming(UserId(int(LEO.id)), after=RoomId(0), limit=10)] == [4]
