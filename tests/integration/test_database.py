"""The file of SQLite itself: who holds it, and until when."""

import asyncio
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from whatssound.adapters.sql.database import Database, sqlite_url


class HeldWrite:
    """A transaction that stands in its second statement, which calls `held()`, until it is let go."""

    def __init__(self, database: Database, second: str) -> None:
        self._database = database
        self._second = second
        self._loop = asyncio.get_running_loop()
        self._begun, self._gate = asyncio.Event(), threading.Event()

    async def begun(self) -> asyncio.Task[None]:
        """The task of it, once it stands there."""
        task = asyncio.create_task(self._write())
        await self._begun.wait()
        return task

    def let_go_soon(self) -> None:
        """Go on after whoever is called now has begun to wait."""
        self._loop.call_later(0.1, self._gate.set)

    async def _write(self) -> None:
        async with self._database.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.create_function("held", 0, self._held)
            await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            await connection.exec_driver_sql(self._second)

    def _held(self) -> int:
        self._loop.call_soon_threadsafe(self._begun.set)
        self._gate.wait(10)
        return 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "whatssound.db"


@pytest.fixture
async def database(file: Path) -> Database:
    database = Database(sqlite_url(file))
    async with database.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    return database


async def test_a_closed_database_is_free_though_its_last_write_was_cancelled_twice(
    database: Database, file: Path
) -> None:
    held = HeldWrite(database, "INSERT INTO t SELECT held()")
    writing = await held.begun()
    writing.cancel()
    await asyncio.sleep(0)
    writing.cancel()  # while the first one's rollback waits for the statement
    held.let_go_soon()
    with suppress(asyncio.CancelledError):
        await writing
    await database.close()
    with closing(sqlite3.connect(file, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)


async def test_after_a_cancelled_write_that_would_have_answered_the_next_one_goes_on(database: Database) -> None:
    held = HeldWrite(database, "INSERT INTO t SELECT held() RETURNING n")
    writing = await held.begun()
    writing.cancel()
    held.let_go_soon()
    [ended] = await asyncio.gather(writing, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
    async with database.write() as connection:
        await connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    async with database.read() as connection:
        assert (await connection.exec_driver_sql("SELECT n FROM t")).scalars().all() == [2]
    await database.close()
