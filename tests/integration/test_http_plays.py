"""The history of a set over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from http_rig import Rig, opened
from room_builders import T0, after
from room_builders import room as new_room
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.ids import RoomId
from whatssound.rooms.commands import Play
from whatssound.rooms.room import Room


@pytest.fixture
async def room(tmp_path: Path) -> Room:
    """A room of an earlier life of the server, in which three tracks of 10 s go round; the rig begins at T0."""
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    playing = replace(after(new_room(10_000, 10_000, 10_000), (0, Play(None))), id=RoomId(7))
    await SqlRooms(database).create(playing, owner="before")
    await database.close()
    return playing


@pytest.fixture
async def rig(tmp_path: Path, room: Room) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


async def test_anybody_who_may_read_the_room_pages_through_what_it_played(rig: Rig, room: Room) -> None:
    rig.time.now_ms = T0 + 25_000
    for headers in (await rig.guest(), rig.reader()):
        answer = (await rig.client.get(f"/v1/rooms/{room.slug}/plays?limit=2", headers=headers)).json()
        newest, older = answer["plays"]
        assert (newest["track"]["title"], newest["started_ms"], newest["ended_ms"]) == ("Track 3", T0 + 20_000, None)
        assert (older["track"]["title"], older["ended_ms"], older["added_by"]["name"]) == (
            "Track 2",
            T0 + 20_000,
            "Dana",
        )
        path = f"/v1/rooms/{room.id}/plays?limit=2&before={answer['next']}"
        rest = (await rig.client.get(path, headers=headers)).json()
        assert [play["id"] for play in rest["plays"]] == [str(int(T0))]
        assert rest["next"] is None


async def test_without_a_token_or_with_nonsense_the_history_is_refused(rig: Rig, room: Room) -> None:
    assert (await rig.client.get(f"/v1/rooms/{room.id}/plays")).status_code == 401
    headers = rig.reader()
    assert (await rig.client.get(f"/v1/rooms/{room.id}/plays?before=x", headers=headers)).status_code == 400
    assert (await rig.client.get("/v1/rooms/nowhere/plays", headers=headers)).status_code == 404
