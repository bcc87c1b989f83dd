"""PlayStore on the relational database."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import plays as table
from whatssound.ids import RoomId, TrackId, UserId
from whatssound.rooms.play_store import MAX_PLAYS
from whatssound.rooms.plays import Play
from whatssound.wire import events

IDS_A_QUERY = 500
"""SQLite takes 32,766 parameters in one statement; fewer keep a query short."""

_encode = msgspec.json.Encoder().encode
_decode_track = msgspec.json.Decoder(events.Track).decode


class SqlPlays:
    """Reads the table `plays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before(self, room: RoomId, before_ms: int | None, *, limit: int) -> list[Play]:
        """As PlayStore; a walk down the primary key."""
        query = select(table).where(table.c.room_id == room).order_by(table.c.started_ms.desc()).limit(limit)
        if before_ms is not None:
            query = query.where(table.c.started_ms < before_ms)
        async with self._database.read() as connection:
            return [_play(row) for row in await connection.execute(query)]

    async def last_played(self, room: RoomId, tracks: Sequence[TrackId]) -> dict[TrackId, int]:
        """As PlayStore; look-ups in the index by room and track."""
        found: dict[TrackId, int] = {}
        async with self._database.read() as connection:
            for start in range(0, len(tracks), IDS_A_QUERY):
                some = tracks[start : start + IDS_A_QUERY]
                query = (
                    select(table.c.track_id, func.max(table.c.started_ms))
                    .where((table.c.room_id == room) & table.c.track_id.in_(some))
                    .group_by(table.c.track_id)
                )
                found |= {TrackId(id): at_ms for id, at_ms in await connection.execute(query)}
        return found

    async def forget_person(self, user: UserId) -> None:
        """As PlayStore."""
        async with self._database.write() as connection:
            await connection.execute(update(table).where(table.c.added_by_id == user).values(added_by_name=""))


async def keep_plays(connection: AsyncConnection, room: RoomId, plays: Sequence[Play]) -> None:
    """Insert what has ended, inside the caller's transaction; the room's oldest make way beyond 10,000."""
    if not plays:
        return
    await connection.execute(insert(table).on_conflict_do_nothing(), [_row(room, play) for play in plays])
    here = table.c.room_id == room
    newest = select(table.c.started_ms).where(here).order_by(table.c.started_ms.desc()).limit(1).offset(MAX_PLAYS - 1)
    await connection.execute(delete(table).where(here & (table.c.started_ms < newest.scalar_subquery())))


def _row(room: RoomId, play: Play) -> dict[str, Any]:
    entry = play.entry
    return {
        "room_id": room,
        "started_ms": play.started_ms,
        "entry_id": int(entry.id),
        "ended_ms": play.ended_ms,
        "track_id": int(entry.track.id),
        "added_by_id": int(entry.added_by.id),
        "added_by_name": entry.added_by.name,
        "added_by_role": entry.added_by.role,
        "track": _encode(entry.track),
    }


def _play(row: Row[Any]) -> Play:
    added_by = events.User(id=str(row.added_by_id), name=row.added_by_name, role=row.added_by_role)
    entry = events.Entry(id=str(row.entry_id), track=_decode_track(row.track), added_by=added_by)
    return Play(entry, row.started_ms, row.ended_ms)
