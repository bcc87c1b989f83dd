"""What every HomeBanStore must do, whatever keeps the rows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.ids import RoomId, UserId
from whatssound.rooms.home_bans import HomeBan, HomeBanStore

HOME, ELSEWHERE = b"h" * 16, b"e" * 16


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[HomeBanStore]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlHomeBans(database)
    await database.close()


def ban(*, room: int = 1, home: bytes = HOME, user: int = 5, banned_ms: int = 100, lapses_ms: int = 1_000) -> HomeBan:
    return HomeBan(RoomId(room), home, UserId(user), banned_ms, lapses_ms)


async def test_a_room_s_bans_come_back_as_they_were_and_those_of_others_do_not(store: HomeBanStore) -> None:
    here, also, elsewhere = ban(), ban(user=6), ban(home=ELSEWHERE, user=7)
    await store.add([here, also, elsewhere, ban(room=2)])
    found = await store.of_room(RoomId(1), now_ms=0)
    assert sorted(found, key=lambda each: each.user) == [here, also, elsewhere]
    assert await store.of_room(RoomId(3), now_ms=0) == []


async def test_adding_nothing_is_allowed(store: HomeBanStore) -> None:
    await store.add([])
    assert await store.of_room(RoomId(1), now_ms=0) == []


async def test_a_known_one_stays_as_it_is(store: HomeBanStore) -> None:
    await store.add([ban()])
    await store.add([ban(banned_ms=900, lapses_ms=9_000)])
    assert await store.of_room(RoomId(1), now_ms=0) == [ban()]


async def test_one_that_has_lapsed_is_not_found_and_then_deleted_for_good(store: HomeBanStore) -> None:
    lasting = ban(user=6, lapses_ms=1_001)
    await store.add([ban(), lasting])
    assert await store.of_room(RoomId(1), now_ms=1_000) == [lasting]
    assert await store.forget_lapsed(1_000) == 1
    assert await store.forget_lapsed(1_000) == 0
    assert await store.of_room(RoomId(1), now_ms=0) == [lasting]


async def test_lifting_forgets_one_person_in_one_room(store: HomeBanStore) -> None:
    kept = [ban(user=6), ban(room=2)]
    await store.add([ban(), ban(home=ELSEWHERE), *kept])
    await store.lift(RoomId(1), UserId(5))
    assert await store.of_room(RoomId(1), now_ms=0) == kept[:1]
    assert await store.of_room(RoomId(2), now_ms=0) == kept[1:]


async def test_a_person_is_forgotten_in_every_room(store: HomeBanStore) -> None:
    await store.add([ban(), ban(room=2), ban(user=6)])
    await store.forget_person(UserId(5))
    assert await store.of_room(RoomId(1), now_ms=0) == [ban(user=6)]
    assert await store.of_room(RoomId(2), now_ms=0) == []
