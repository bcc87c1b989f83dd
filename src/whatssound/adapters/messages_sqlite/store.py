"""MessageStore on SQLite."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.messages_sqlite import rows, schema
from whatssound.adapters.messages_sqlite.kept import SqliteKept
from whatssound.adapters.messages_sqlite.writer import GroupCommitWriter, WriterStatistics, as_os_error
from whatssound.ids import MessageId, RoomId, UserId
from whatssound.messages.message import Message
from whatssound.messages.store import Page
from whatssound.wire.errors import Refusal

READERS: Final = 3
"""Threads that read. A page takes 43-85 µs, so three serve more than the rest of a process can use."""

MAX_READING: Final = 512
"""Reads under way or waiting; above it they are answered `overloaded`."""

FORGET_ROWS: Final = 2_000
"""Messages looked at in one go for those of an author: 2 ms of a reader's time, 8 ms of the writer's at most."""

P = ParamSpec("P")
R = TypeVar("R")


class SqliteMessages:
    """Keeps the messages of every room in one file. Open it with `await SqliteMessages.open(…)` or `async with`."""

    def __init__(self, file: Path, connection: sqlite3.Connection, now_ms: Callable[[], float]) -> None:
        self._file = str(file)
        self._writer = GroupCommitWriter(connection, now_ms=now_ms)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="messages-reader")
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._reading = 0

    @classmethod
    async def open(cls, file: Path, *, now_ms: Callable[[], float]) -> Self:
        """Open or make the file. Raises DataFolderError when it is newer than this program or cannot be opened."""
        return cls(file, await asyncio.to_thread(_opened, str(file)), now_ms)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish every write that was asked for, and let go of the file."""
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._open:
            connection.close()
        self._open.clear()

    def statistics(self) -> WriterStatistics:
        """What the writer has done so far."""
        return self._writer.statistics()

    def kept(self, *, per_topic: int, most_bytes: int) -> SqliteKept:
        """The broadcasts in the same file, of which at least so many are kept; open as long as this is."""
        return SqliteKept(self._writer.write, self._read, per_topic=per_topic, most_bytes=most_bytes)

    async def append(self, messages: Sequence[Message]) -> list[MessageId]:
        """Store messages under one commit; a known nonce answers the id it was first used for."""
        return await self._writer.write(rows.Append(tuple(messages)))

    async def edit(self, room: RoomId, id: MessageId, text: str) -> Message | None:
        """Replace the text and count `edit_rev` up."""
        return await self._writer.write(rows.Edit(room, id, text))

    async def delete(self, room: RoomId, id: MessageId) -> Message | None:
        """Empty the text and count `edit_rev` up; a second time changes nothing."""
        return await self._writer.write(rows.Delete(room, id))

    async def forget_author(self, author: UserId) -> int:
        """Take the name off everything that somebody said."""
        part, changed = rows.Part((), rows.Place(-1, -1, -1)), 0
        while part.last is not None:
            part = await self._read(rows.said_by, author, part.last, FORGET_ROWS)
            if part.places:
                changed += await self._writer.write(rows.ForgetName(part.places))
        return changed

    async def get(self, room: RoomId, id: MessageId) -> Message | None:
        """One message, or None."""
        return await self._read(rows.get, room, id)

    async def newest(self, room: RoomId, limit: int) -> Page:
        """The newest messages."""
        return await self._read(rows.before, room, rows.END_OF_TIME, limit)

    async def before(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """The newest messages older than `id`."""
        return await self._read(rows.before, room, id, limit)

    async def after(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """The oldest messages newer than `id`, newest first."""
        return await self._read(rows.after, room, id, limit)

    async def around(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """Messages on both sides of `id`."""
        return await self._read(rows.around, room, id, limit)

    async def _read(
        self, read: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        if self._reading >= MAX_READING:
            raise Refusal("overloaded", "Too many readers at once; try again.", retry_after_ms=500)
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._readers, lambda: self._on_reader(lambda connection: read(connection, *args, **kwargs))
            )
        finally:
            self._reading -= 1

    def _on_reader(self, read: Callable[[sqlite3.Connection], R]) -> R:
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = schema.connect(self._file)
                connection.execute("PRAGMA query_only = ON")
                self._open.append(connection)
            return read(connection)
        except sqlite3.Error as error:
            raise as_os_error(error) from error


def _opened(file: str) -> sqlite3.Connection:
    try:
        connection = schema.connect(file)
        try:
            schema.prepare(connection, file)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise DataFolderError(
            f"The messages in {file} cannot be opened: {error}. Mend its permissions, make room on the disk, or give "
            "another data folder with --data."
        ) from error
    return connection
