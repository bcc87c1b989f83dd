"""The relational database: one file of SQLite, one connection that writes, readers beside it."""

import asyncio
import errno
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 5_000


def sqlite_url(file: Path, *, driver: str = "aiosqlite") -> URL:
    """The SQLAlchemy address of the database in `file`."""
    return URL.create(f"sqlite+{driver}", database=str(file))


class Database:
    """Reads run side by side; writes one after another, each its own transaction.

    What the disk refuses is an OSError: ENOSPC when it is full, EAGAIN when every connection is busy, else EIO.
    """

    def __init__(self, url: URL) -> None:
        self._engine: AsyncEngine = create_async_engine(url, pool_size=4, max_overflow=0)
        self._writing = asyncio.Lock()
        event.listen(self._engine.sync_engine, "connect", prepare_connection)
        event.listen(self._engine.sync_engine, "invalidate", _roll_back_what_was_cancelled)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that sees every write committed before its first statement."""
        with _disk_errors():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction: committed on leaving, rolled back when the body raises. Durable once left."""
        with _disk_errors():
            async with self._writing, self._engine.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Close every connection; later use raises.

        A task that was cancelled in its transaction ends it behind its own back. The file is free once this returns.
        """
        with suppress(OSError):
            async with self.write() as connection:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
        await self._engine.dispose()


@contextmanager
def _disk_errors() -> Generator[None]:
    """The operating system's errors instead of the driver's; IntegrityError is an answer and stays."""
    try:
        yield
    except NoConnection as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    except IntegrityError:
        raise
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        number = errno.ENOSPC if code == sqlite3.SQLITE_FULL else errno.EIO
        raise OSError(number, str(error.orig)) from error


def prepare_connection(connection: Any, _record: Any) -> None:
    """Set what SQLite forgets with each connection."""
    cursor = connection.cursor()
    _use_wal(cursor)
    # What is deleted is overwritten, so that nothing promised to be forgotten can be dug out of the file.
    secure = "secure_delete = ON"
    for pragma in ("synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_TIMEOUT_MS}", secure):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _roll_back_what_was_cancelled(connection: Any, _record: Any, reason: BaseException | None) -> None:
    """End the transaction: SQLAlchemy only closes the connection of a cancelled task.

    That does not free the file while a statement with rows left, of RETURNING, is kept by the task's traceback.
    """
    if isinstance(reason, asyncio.CancelledError):
        connection.rollback()


def _use_wal(cursor: Any) -> None:
    """Switch the file to its write-ahead log, once in its life.

    Two that switch at once would wait for each other; SQLite then refuses one without asking its busy handler.
    """
    end_s = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        cursor.execute("PRAGMA journal_mode")
        if cursor.fetchone()[0] == "wal":
            return
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.01)
