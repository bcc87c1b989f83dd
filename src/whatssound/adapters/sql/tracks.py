"""The library's rows, in the relational database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import tracks
from whatssound.audio.search import search_text
from whatssound.audio.store import After, Changes, StoredPage
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

_KEPT = [
    name
    for name in tracks.columns.keys()  # noqa: SIM118 (a ColumnCollection iterates over columns)
    if name not in ("search", "peaks", "added_ms", "credited_key")
]
_COLUMNS = [tracks.c[name] for name in _KEPT]


class SqlTracks:
    """TrackStore over `tables.tracks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: Sequence[Track], *, added_ms: int) -> None:
        """See TrackStore."""
        if not new:
            return
        rows = [_row_of(track, added_ms) for track in new]
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tracks), rows)
        except IntegrityError as error:
            raise ValueError("a track of that id or path is in the library already") from error

    async def get(self, id: TrackId) -> Track | None:
        """See TrackStore."""
        return await self._one(tracks.c.id == id)

    async def several(self, ids: Sequence[TrackId]) -> list[Track]:
        """See TrackStore."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(*_COLUMNS).where(tracks.c.id.in_(ids)))).all()
        return [_track_of(row) for row in rows]

    async def by_paths(self, paths: Sequence[str]) -> dict[str, Track]:
        """See TrackStore."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(*_COLUMNS).where(tracks.c.path.in_(paths)))).all()
        return {row.path: _track_of(row) for row in rows}

    async def by_blob_key(self, blob_key: str) -> Track | None:
        """See TrackStore."""
        return await self._one(tracks.c.blob_key == blob_key)

    async def change(self, id: TrackId, changes: Changes) -> Track | None:
        """See TrackStore."""
        values: dict[str, Any] = dict(changes)
        async with self._database.write() as connection:
            if values.keys() & {"title", "artist", "album"}:
                row = (await connection.execute(select(*_COLUMNS).where(tracks.c.id == id))).first()
                if row is None:
                    return None
                after: dict[str, Any] = {**dict(row._mapping), **values}  # pyright: ignore[reportPrivateUsage]
                values["search"] = search_text(after["title"], after["artist"], after["album"])
            statement = update(tracks).where(tracks.c.id == id).values(**values).returning(*_COLUMNS)
            changed = (await connection.execute(statement)).first()
        return None if changed is None else _track_of(changed)

    async def page(self, words: Sequence[str], limit: int, after: After | None) -> StoredPage:
        """See TrackStore."""
        matches = and_(True, *(tracks.c.search.contains(word, autoescape=True) for word in words))
        rest = (
            matches if after is None else and_(matches, tuple_(tracks.c.search, tracks.c.id) > (after.search, after.id))
        )
        statement = (
            select(*_COLUMNS, tracks.c.search).where(rest).order_by(tracks.c.search, tracks.c.id).limit(limit + 1)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
            total = await connection.scalar(select(func.count()).select_from(tracks).where(matches))
        shown = rows[:limit]
        more = After(shown[-1].search, TrackId(shown[-1].id)) if len(rows) > limit else None
        return StoredPage(tracks=[_track_of(row) for row in shown], total=total or 0, next=more)

    async def with_status(self, *statuses: TrackStatus) -> list[Track]:
        """See TrackStore."""
        statement = select(*_COLUMNS).where(or_(*(tracks.c.status == s for s in statuses))).order_by(tracks.c.id)
        async with self._database.read() as connection:
            return [_track_of(row) for row in (await connection.execute(statement)).all()]

    async def peaks(self, id: TrackId) -> bytes | None:
        """See TrackStore."""
        async with self._database.read() as connection:
            return await connection.scalar(select(tracks.c.peaks).where(tracks.c.id == id))

    async def _one(self, where: Any) -> Track | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(where).order_by(tracks.c.id).limit(1))).first()
        return None if row is None else _track_of(row)


def _row_of(track: Track, added_ms: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(track, name) for name in _KEPT}
    row["search"] = search_text(track.title, track.artist, track.album)
    row["added_ms"] = added_ms
    return row


def _track_of(row: Row[Any]) -> Track:
    values: dict[str, Any] = {name: getattr(row, name) for name in _KEPT}
    return Track(**values, progress=1.0 if values["status"] == "ready" else 0.0)
