"""The database on a full disk: everybody is told the same, and nothing is left half done when there is room again."""

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from whatssound.accounts.user import User
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.track import Track
from whatssound.ids import TrackId, UserId


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield database
    await database.close()


async def full(database: Database, *, pages: int = 1) -> None:
    """Let the file grow no further; SQLite reports this exactly as a full disk."""
    async with database.read() as connection:
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


async def until_refused(add: Callable[[int], Awaitable[object]]) -> int | None:
    """What the operating system would have said to the first that did not fit."""
    try:
        for number in range(1, 10_000):
            await add(number)
    except OSError as refused:
        return refused.errno
    return None


async def test_people_meet_a_full_disk_as_enospc_and_sign_in_once_there_is_room(database: Database) -> None:
    accounts = SqlAccounts(database)

    async def add(number: int) -> bool:
        name = f"guest {number}"
        return await accounts.add(User(UserId(number), name, "guest"), name, now_ms=0)

    await full(database)
    assert await until_refused(add) == errno.ENOSPC
    await full(database, pages=1_000_000)
    assert await add(10_000)


async def test_tracks_meet_a_full_disk_as_enospc(database: Database) -> None:
    tracks = SqlTracks(database)

    async def add(number: int) -> None:
        track = Track(TrackId(number), "library", f"/{number}", "a", None, None, duration_ms=0, status="available")
        await tracks.add([track], added_ms=0)

    await full(database)
    assert await until_refused(add) == errno.ENOSPC
