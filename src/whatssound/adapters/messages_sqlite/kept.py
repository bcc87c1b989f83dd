"""KeptStore on SQLite: broadcasts kept for replay, in the message database and through its writer."""

import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from whatssound.adapters.messages_sqlite.rows import Write
from whatssound.ids import bucket_of
from whatssound.realtime.kept_store import END_OF_IDS, KeptBroadcast

PRUNE_ROWS: Final = 1_000
"""Broadcasts forgotten at once, at most: 10 ms of the writer's time when each has a page of its own."""

MOST_TOPICS: Final = 10_000
"""Topics of which it is known how many more fit; of another one the next append counts."""

NEWEST: Final = (
    "SELECT id, event, payload, is_json, expires_ms FROM kept"
    " WHERE topic = ? AND (bucket, id) >= (?, ?) AND (bucket, id) < (?, ?) AND expires_ms > ?"
    " ORDER BY bucket DESC, id DESC LIMIT ?"
)


class KeptSize(NamedTuple):
    """How much is kept: what the triggers of schema.py have counted."""

    broadcasts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Store a broadcast, and make room for it where that is due."""

    broadcast: KeptBroadcast
    keep_newest: int | None
    """Of its topic; None leaves it uncounted."""
    most_bytes: int

    def on(self, connection: sqlite3.Connection) -> None:
        """Insert it; one that is known stays as it was."""
        kept = self.broadcast
        connection.execute(
            "INSERT INTO kept (topic, bucket, id, event, payload, is_json, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (kept.topic, bucket_of(kept.id), kept.id, kept.event, kept.payload, kept.is_json, kept.expires_ms),
        )
        if self.keep_newest is not None:
            _forget_oldest(connection, kept.topic, self.keep_newest)
        while size(connection).bytes > self.most_bytes and _forget_soonest(connection):
            pass


@dataclass(frozen=True, slots=True)
class Prune:
    """Forget some that have expired."""

    now_ms: float

    def on(self, connection: sqlite3.Connection) -> int:
        """How many."""
        return prune(connection, self.now_ms)


def size(connection: sqlite3.Connection) -> KeptSize:
    """How much is kept."""
    return KeptSize(*connection.execute("SELECT broadcasts, bytes FROM kept_size").fetchone())


def prune(connection: sqlite3.Connection, now_ms: float) -> int:
    """Forget some that have expired; answers how many."""
    old = "SELECT rowid FROM kept WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?"
    return connection.execute(f"DELETE FROM kept WHERE rowid IN ({old})", (int(now_ms), PRUNE_ROWS)).rowcount


def newest(
    connection: sqlite3.Connection, topic: int, limit: int, now_ms: float, between: tuple[int, int]
) -> list[KeptBroadcast]:
    """The newest `limit` from the first id up to, but without, the second one, oldest first."""
    since, below = between
    key = (topic, bucket_of(since), since, bucket_of(below), below, int(now_ms), limit)
    rows = connection.execute(NEWEST, key).fetchall()
    return [
        KeptBroadcast(topic, id, event, payload, bool(is_json), expires_ms)
        for id, event, payload, is_json, expires_ms in reversed(rows)
    ]


def _forget_oldest(connection: sqlite3.Connection, topic: int, keep_newest: int) -> None:
    surplus = "SELECT bucket, id FROM kept WHERE topic = ? ORDER BY bucket DESC, id DESC LIMIT 1 OFFSET ?"
    newest_of_them = connection.execute(surplus, (topic, keep_newest)).fetchone()
    if newest_of_them is not None:
        oldest = "SELECT rowid FROM kept WHERE topic = ? AND (bucket, id) <= (?, ?) ORDER BY bucket, id LIMIT ?"
        connection.execute(f"DELETE FROM kept WHERE rowid IN ({oldest})", (topic, *newest_of_them, PRUNE_ROWS))


def _forget_soonest(connection: sqlite3.Connection) -> bool:
    """Forget a hundredth of what is kept, at least one and at most a portion; False when nothing is left."""
    portion = min(PRUNE_ROWS, size(connection).broadcasts // 100 + 1)
    soonest = "SELECT rowid FROM kept ORDER BY expires_ms LIMIT ?"
    return connection.execute(f"DELETE FROM kept WHERE rowid IN ({soonest})", (portion,)).rowcount > 0


class SqliteKept:
    """The broadcasts of one message database; made by `SqliteMessages.kept`.

    A topic is counted once in a tenth of `per_topic` appends, so it may hold a tenth more.
    """

    def __init__(
        self,
        write: Callable[[Write], Awaitable[Any]],
        read: Callable[..., Awaitable[Any]],
        *,
        per_topic: int,
        most_bytes: int,
    ) -> None:
        self._write = write
        self._read = read
        self._per_topic = per_topic
        self._most_bytes = most_bytes
        self._uncounted: OrderedDict[int, int] = OrderedDict()

    async def append(self, broadcast: KeptBroadcast) -> None:
        """Store it under the next commit."""
        await self._write(Keep(broadcast, self._due(broadcast.topic), self._most_bytes))

    async def newest(
        self, topic: int, limit: int, *, now_ms: float, since: int = 0, below: int = END_OF_IDS
    ) -> Sequence[KeptBroadcast]:
        """The newest `limit` between those ids, oldest first."""
        return await self._read(newest, topic, limit, now_ms, (since, below))

    async def prune(self, now_ms: float) -> int:
        """Forget a portion of what has expired; the writer does so every ten minutes, too."""
        return await self._write(Prune(now_ms))

    async def size(self) -> KeptSize:
        """How much is kept."""
        return await self._read(size)

    def _due(self, topic: int) -> int | None:
        """How many to keep of the topic when it is to be counted now, else None."""
        left = self._uncounted.pop(topic, 0)
        self._uncounted[topic] = left - 1 if left else self._per_topic // 10
        if len(self._uncounted) > MOST_TOPICS:
            self._uncounted.popitem(last=False)
        return None if left else self._per_topic
