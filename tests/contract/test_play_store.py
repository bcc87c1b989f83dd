"""What every pair of RoomStore and PlayStore must do with what a room has played."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from room_builders import DEVICE, LEO, T0, after, entry, room
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.ids import RoomId, UserId
from whatssound.rooms import play_store
from whatssound.rooms.commands import Play as PlayCommand
from whatssound.rooms.play_store import PlayStore
from whatssound.rooms.plays import Play
from whatssound.rooms.room import Room
from whatssound.rooms.store import RoomStore
from whatssound.wire import events

ME = "node 0:start 1"
START = room(10_000)


@dataclass
class Stores:
    """Both ends of the set history."""

    rooms: RoomStore
    plays: PlayStore

    async def save(self, *plays: Play, of: Room = START) -> bool:
        """Save the room, changed in some way, with `plays`."""
        row = await self.rooms.get(of.id)
        assert row is not None
        changed = after(row.room, (row.room.rev, PlayCommand(f"device {row.room.rev}")))
        return await self.rooms.save(changed, was_rev=row.room.rev, owner=ME, plays=plays)

    async def starts(self, room: RoomId = START.id, before_ms: int | None = None, limit: int = 100) -> list[int]:
        return [play.started_ms - int(T0) for play in await self.plays.before(room, before_ms, limit=limit)]


@pytest.fixture(params=["sqlite"])
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    stores = Stores(SqlRooms(database), SqlPlays(database))
    await stores.rooms.create(START, owner=ME)
    yield stores
    await database.close()


def play(at_ms: int, number: int = 1, *, lasting_ms: int = 1_000) -> Play:
    return Play(entry(number), int(T0) + at_ms, int(T0) + at_ms + lasting_ms)


async def test_plays_come_back_as_they_were_newest_first(stores: Stores) -> None:
    full = events.Track(
        id="9", title="Ñandú ❤️", artist="Ana", album="B", duration_ms=7, cover="/audio/cover/9", hls=None
    )
    rich = Play(events.Entry(id="9007199254740993", track=full, added_by=LEO), int(T0) + 5_000, int(T0) + 5_001)
    assert await stores.save(play(0), rich)
    assert await stores.plays.before(START.id, None, limit=10) == [rich, play(0)]


async def test_a_room_without_plays_has_none(stores: Stores) -> None:
    assert await stores.save()
    assert await stores.starts() == []
    assert await stores.plays.last_played(START.id, []) == {}


async def test_pages_follow_each_other_without_gap_or_repetition(stores: Stores) -> None:
    assert await stores.save(*(play(1_000 * n) for n in range(5)))
    assert await stores.starts(limit=2) == [4_000, 3_000]
    assert await stores.starts(before_ms=int(T0) + 3_000, limit=2) == [2_000, 1_000]
    assert await stores.starts(before_ms=int(T0) + 1_000, limit=2) == [0]


async def test_a_save_that_is_refused_keeps_no_play(stores: Stores) -> None:
    played = after(START, (0, PlayCommand(DEVICE)))
    assert not await stores.rooms.save(played, was_rev=START.rev + 1, owner=ME, plays=[play(0)])
    assert not await stores.rooms.save(played, was_rev=START.rev, owner="node 0:start 2", plays=[play(0)])
    assert await stores.starts() == []


async def test_a_known_play_is_kept_once_and_as_it_was(stores: Stores) -> None:
    assert await stores.save(play(0))
    assert await stores.save(replace(play(0), ended_ms=int(T0) + 999), play(1_000, 2))
    assert await stores.plays.before(START.id, None, limit=10) == [play(1_000, 2), play(0)]


async def test_rooms_do_not_see_each_other(stores: Stores) -> None:
    other = replace(START, id=RoomId(8), slug="other")
    await stores.rooms.create(other, owner=ME)
    assert await stores.save(play(0))
    assert await stores.save(play(5), of=other)
    assert await stores.starts() == [0]
    assert await stores.plays.last_played(other.id, [entry_track(1)]) == {1: int(T0) + 5}


async def test_the_last_play_of_each_track_is_found_among_many(stores: Stores) -> None:
    assert await stores.save(play(0, 1), play(1_000, 2), play(2_000, 1), play(3_000, 3))
    asked = [entry_track(n) for n in (1, 2, *range(1_000, 3_000))]
    assert await stores.plays.last_played(START.id, asked) == {1: int(T0) + 2_000, 2: int(T0) + 1_000}


async def test_the_oldest_make_way(stores: Stores) -> None:
    first = [play(1_000 * n) for n in range(play_store.MAX_PLAYS - 1)]
    assert await stores.save(*first)
    assert await stores.save(play(20_000_000), play(20_001_000))
    assert (await stores.starts(limit=2)) == [20_001_000, 20_000_000]
    assert len(await stores.starts(limit=20_000)) == play_store.MAX_PLAYS
    assert (await stores.starts(before_ms=int(T0) + 2_000)) == [1_000]


async def test_a_forgotten_person_is_not_named_any_more(stores: Stores) -> None:
    by_leo = replace(play(0), entry=events.Entry(id="7", track=entry(1).track, added_by=LEO))
    assert await stores.save(by_leo, play(1_000))
    await stores.plays.forget_person(UserId(int(LEO.id)))
    assert [p.entry.added_by.name for p in await stores.plays.before(START.id, None, limit=10)] == ["Dana", ""]


def entry_track(number: int) -> "play_store.TrackId":
    return play_store.TrackId(number)
