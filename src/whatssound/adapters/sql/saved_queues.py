"""SavedQueueStore on the relational database."""

from typing import Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import saved_queue_tracks as places
from whatssound.adapters.sql.tables import saved_queues as queues
from whatssound.adapters.sql.tables import tracks
from whatssound.ids import TrackId, UserId
from whatssound.rooms.saved_queue_store import (
    MAX_SAVED_QUEUES,
    NameTaken,
    QueueSummary,
    SavedQueue,
    SavedTrack,
    TooManyQueues,
)


class SqlSavedQueues:
    """Keeps them in `saved_queues` and `saved_queue_tracks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, queue: SavedQueue) -> None:
        """As SavedQueueStore; one writer at a time, so nobody comes between question and answer."""
        async with self._database.write() as connection:
            await _refuse_taken_name(connection, queue)
            kept = await connection.scalar(select(func.count()).where(queues.c.user_id == queue.user))
            if (kept or 0) >= MAX_SAVED_QUEUES:
                raise TooManyQueues
            await connection.execute(insert(queues).values(id=queue.id, user_id=queue.user, **_columns(queue)))
            await _put_tracks(connection, queue)

    async def replace(self, queue: SavedQueue) -> bool:
        """As SavedQueueStore."""
        this = (queues.c.id == queue.id) & (queues.c.user_id == queue.user)
        async with self._database.write() as connection:
            await _refuse_taken_name(connection, queue)
            changed = await connection.execute(update(queues).where(this).values(**_columns(queue)))
            if changed.rowcount == 1:
                await connection.execute(delete(places).where(places.c.queue_id == queue.id))
                await _put_tracks(connection, queue)
        return changed.rowcount == 1

    async def get(self, user: UserId, id: int) -> SavedQueue | None:
        """As SavedQueueStore."""
        this = (queues.c.id == id) & (queues.c.user_id == user)
        rows = select(places).where(places.c.queue_id == id).order_by(places.c.place)
        async with self._database.read() as connection, connection.begin():
            row = (await connection.execute(select(queues).where(this))).one_or_none()
            if row is None:
                return None
            found = tuple(
                SavedTrack(TrackId(place.track_id), place.title, place.artist, place.duration_ms)
                for place in await connection.execute(rows)
            )
        return SavedQueue(row.id, UserId(row.user_id), row.name, row.name_key, found, row.updated_ms)

    async def of(self, user: UserId) -> list[QueueSummary]:
        """As SavedQueueStore. A track that is gone, failed, or offline and not encoded is missing."""
        gone = tracks.c.id.is_(None) | (tracks.c.status == "failed")
        missing = case((gone | (tracks.c.offline & (tracks.c.status != "ready")), 1), else_=0)
        length_ms = func.coalesce(tracks.c.duration_ms, places.c.duration_ms)
        query = (
            select(
                queues.c.id,
                queues.c.name,
                queues.c.updated_ms,
                func.count(places.c.place).label("places"),
                func.coalesce(func.sum(case((places.c.place.is_not(None), missing))), 0).label("missing"),
                func.coalesce(func.sum(length_ms), 0).label("duration_ms"),
            )
            .select_from(
                queues.outerjoin(places, places.c.queue_id == queues.c.id).outerjoin(
                    tracks, tracks.c.id == places.c.track_id
                )
            )
            .where(queues.c.user_id == user)
            .group_by(queues.c.id)
            .order_by(queues.c.updated_ms.desc(), queues.c.id.desc())
        )
        async with self._database.read() as connection:
            return [
                QueueSummary(row.id, row.name, row.places, row.missing, row.duration_ms, row.updated_ms)
                for row in await connection.execute(query)
            ]

    async def remove(self, user: UserId, id: int) -> bool:
        """As SavedQueueStore."""
        async with self._database.write() as connection:
            this = (queues.c.id == id) & (queues.c.user_id == user)
            removed = await connection.execute(delete(queues).where(this))
            if removed.rowcount == 1:
                await connection.execute(delete(places).where(places.c.queue_id == id))
        return removed.rowcount == 1

    async def forget_person(self, user: UserId) -> None:
        """As SavedQueueStore."""
        theirs = queues.c.user_id == user
        async with self._database.write() as connection:
            await connection.execute(delete(places).where(places.c.queue_id.in_(select(queues.c.id).where(theirs))))
            await connection.execute(delete(queues).where(theirs))


async def _refuse_taken_name(connection: AsyncConnection, queue: SavedQueue) -> None:
    same = (queues.c.user_id == queue.user) & (queues.c.name_key == queue.name_key) & (queues.c.id != queue.id)
    taken = await connection.scalar(select(queues.c.id).where(same))
    if taken is not None:
        raise NameTaken(taken)


async def _put_tracks(connection: AsyncConnection, queue: SavedQueue) -> None:
    rows = [
        {
            "queue_id": queue.id,
            "place": place,
            "track_id": track.id,
            "title": track.title,
            "artist": track.artist,
            "duration_ms": track.duration_ms,
        }
        for place, track in enumerate(queue.tracks)
    ]
    if rows:
        await connection.execute(insert(places), rows)


def _columns(queue: SavedQueue) -> dict[str, Any]:
    return {"name": queue.name, "name_key": queue.name_key, "updated_ms": queue.updated_ms}
