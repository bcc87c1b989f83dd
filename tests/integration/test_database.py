"""The file of SQLite itself: who holds it, and until when."""

import asyncio
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from whatssound.adapters.sql.database import Database, sqlite_url


async def test_a_closed_database_is_free_though_its_last_write_was_cancelled_twice(tmp_path: Path) -> None:
    file = tmp_path / "whatssound.db"
    database = Database(sqlite_url(file))
    loop = asyncio.get_running_loop()
    begun, gate = asyncio.Event(), threading.Event()

    def held() -> int:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)
        return 1

    async def write() -> None:
        async with database.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.create_function("held", 0, held)
            await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
            await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            await connection.exec_driver_sql("INSERT INTO t SELECT held()")

    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    await asyncio.sleep(0)
    writing.cancel()  # while the first one's rollback waits for the statement
    loop.call_later(0.1, gate.set)
    with suppress(asyncio.CancelledError):
        await writing
    await database.close()
    with closing(sqlite3.connect(file, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)


async def test_after_a_cancelled_write_that_would_have_answered_the_next_one_goes_on(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "whatssound.db"))
    loop = asyncio.get_running_loop()
    begun, gate = asyncio.Event(), threading.Event()

    def held() -> int:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)
        return 1

    async def write() -> None:
        async with database.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.create_function("held", 0, held)
            await connection.exec_driver_sql("INSERT INTO t SELECT held() RETURNING n")

    async with database.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    loop.call_later(0.1, gate.set)
    [ended] = await asyncio.gather(writing, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)
    async with database.write() as connection:
        await connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    async with database.read() as connection:
        assert (await connection.exec_driver_sql("SELECT n FROM t")).scalars().all() == [2]
    await database.close()
