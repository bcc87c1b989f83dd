"""What is encoded, and the removal of tracks, in the relational database."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import case, delete, func, select, update

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import tracks
from whatssound.audio.encoded import Encoded
from whatssound.ids import TrackId, UserId

_ROWS = 500
"""Keys in one statement; SQLite takes 32,766 variables."""


class SqlEncoded:
    """EncodedStore over `tables.tracks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def encoded(self) -> list[Encoded]:
        """See EncodedStore."""
        columns = (
            *(tracks.c.id, tracks.c.blob_key, tracks.c.encoded_bytes, tracks.c.last_played_ms),
            (tracks.c.status == "ready").label("ready"),
        )
        async with self._database.read() as connection:
            rows = await connection.execute(select(*columns).where(tracks.c.blob_key.is_not(None)))
            return [Encoded(TrackId(r.id), r.blob_key, r.encoded_bytes, r.last_played_ms, bool(r.ready)) for r in rows]

    async def sharing(self, blob_key: str) -> list[TrackId]:
        """See EncodedStore."""
        return await self._ids(select(tracks.c.id).where(tracks.c.blob_key == blob_key).order_by(tracks.c.id))

    async def account(self, id: TrackId, encoded_bytes: int) -> None:
        """See EncodedStore."""
        async with self._database.write() as connection:
            await connection.execute(update(tracks).where(tracks.c.id == id).values(encoded_bytes=encoded_bytes))

    async def evicted(self, blob_keys: Collection[str]) -> list[TrackId]:
        """See EncodedStore."""
        gone: list[TrackId] = []
        keys = list(blob_keys)
        for at in range(0, len(keys), _ROWS):
            these = tracks.c.blob_key.in_(keys[at : at + _ROWS])
            status = case((tracks.c.status == "ready", "available"), else_=tracks.c.status)
            async with self._database.write() as connection:
                ready = select(tracks.c.id).where(these, tracks.c.status == "ready")
                gone += (await connection.scalars(ready)).all()
                await connection.execute(update(tracks).where(these).values(encoded_bytes=0, status=status))
        return gone

    async def played(self, id: TrackId, at_ms: int) -> None:
        """See EncodedStore."""
        async with self._database.write() as connection:
            await connection.execute(update(tracks).where(tracks.c.id == id).values(last_played_ms=at_ms))

    async def failed(self, limit: int) -> list[TrackId]:
        """See EncodedStore."""
        failed = select(tracks.c.id).where(tracks.c.status == "failed")
        return await self._ids(failed.order_by(tracks.c.id.desc()).limit(limit))

    async def uploads_of(self, owner: UserId) -> list[TrackId]:
        """See EncodedStore."""
        return await self._ids(select(tracks.c.id).where(_uploaded_by(owner)).order_by(tracks.c.id))

    async def used_bytes(self, owner: UserId) -> int:
        """See EncodedStore."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.sum(tracks.c.size_bytes)).where(_uploaded_by(owner))) or 0

    async def covers(self) -> set[str]:
        """See EncodedStore."""
        used = select(tracks.c.cover_key).where(tracks.c.cover_key.is_not(None)).distinct()
        async with self._database.read() as connection:
            return {key for key in await connection.scalars(used) if key is not None}

    async def uses_cover(self, cover_key: str) -> bool:
        """See EncodedStore."""
        async with self._database.read() as connection:
            one = select(tracks.c.id).where(tracks.c.cover_key == cover_key).limit(1)
            return await connection.scalar(one) is not None

    async def remove(self, id: TrackId) -> bool:
        """See EncodedStore."""
        async with self._database.write() as connection:
            return (await connection.execute(delete(tracks).where(tracks.c.id == id))).rowcount > 0

    async def _ids(self, statement: Any) -> list[TrackId]:
        async with self._database.read() as connection:
            return [TrackId(id) for id in await connection.scalars(statement)]


def _uploaded_by(owner: UserId) -> Any:
    return (tracks.c.owner_id == owner) & (tracks.c.source == "upload")
