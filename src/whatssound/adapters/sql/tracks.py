"""The library's rows, in the relational database."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, case, delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from whatssound.adapters.sql import browsing
from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import SEARCH_TABLE, track_peaks, tracks
from whatssound.audio.moves import Lost
from whatssound.audio.search import Words, indexed, key_of, search_text
from whatssound.audio.store import (
    After,
    Changes,
    KnownFile,
    StoredAlbum,
    StoredAlbums,
    StoredArtist,
    StoredArtists,
    StoredPage,
    Wanted,
)
from whatssound.audio.track import Track
from whatssound.ids import TrackId

_DERIVED: Final = ("search", "credited_key", "album_sort")
_KEPT = [
    name
    for name in tracks.columns.keys()  # noqa: SIM118 (a ColumnCollection iterates over columns)
    if name not in (*_DERIVED, "added_ms")
]
_COLUMNS = [tracks.c[name] for name in _KEPT]
_NAMES: Final = frozenset(("title", "artist", "album", "album_artist", "credited"))
"""A change of one of these is a change of what is searched."""

_MANY: Final = 500
"""Ids in one statement."""

_ROWS_A_TURN: Final = 1_000
"""Of a long list, so that the event loop comes round every few ms."""

_INDEX = text(
    f"INSERT OR REPLACE INTO {SEARCH_TABLE} (rowid, title, people, album) VALUES (:id, :title, :people, :album)"
)


class SqlTracks:
    """TrackStore over `tables.tracks`, its index of words and `tables.track_peaks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: Sequence[Track], *, added_ms: int) -> None:
        """See TrackStore."""
        await self.write(new, (), added_ms=added_ms)

    async def write(self, new: Sequence[Track], changes: Sequence[tuple[TrackId, Changes]], *, added_ms: int) -> None:
        """See TrackStore."""
        if not new and not changes:
            return
        try:
            async with self._database.write() as connection:
                for id, change in changes:
                    await _change(connection, id, change)
                if new:
                    await connection.execute(insert(tracks), [_row_of(track, added_ms) for track in new])
                    await connection.execute(_INDEX, [_words_of(track.id, _fields(track)) for track in new])
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
        async with self._database.write() as connection:
            return await _change(connection, id, changes)

    async def page(self, wanted: Wanted, limit: int, after: After | None) -> StoredPage:
        """See TrackStore."""
        async with self._database.read() as connection:
            total = await connection.scalar(browsing.tracks_total(wanted)) or 0
            page = browsing.tracks_page(_COLUMNS, wanted, limit, after, total=total)
            rows = (await connection.execute(page)).all()
        shown = rows[:limit]
        more = After(shown[-1].search, str(shown[-1].id), shown[-1].place) if len(rows) > limit else None
        return StoredPage(tracks=[_track_of(row) for row in shown], total=total, next=more)

    async def albums(self, wanted: Wanted, limit: int, after: After | None) -> StoredAlbums:
        """See TrackStore."""
        async with self._database.read() as connection:
            rows = (await connection.execute(browsing.albums_page(wanted, limit, after))).all()
        shown = rows[:limit]
        found = [
            StoredAlbum(row.album_key, row.title, row.artist, row.year, row.tracks, row.duration_ms, row.cover_key)
            for row in shown
        ]
        more = After(shown[-1].album_sort, shown[-1].album_key) if len(rows) > limit else None
        return StoredAlbums(found, rows[0].total if rows else 0, more)

    async def artists(self, words: Words, limit: int, after: After | None) -> StoredArtists:
        """See TrackStore."""
        async with self._database.read() as connection:
            rows = (await connection.execute(browsing.artists_page(words, limit, after))).all()
        shown = rows[:limit]
        found = [StoredArtist(row.name, row.albums, row.tracks) for row in shown]
        more = After(shown[-1].credited_key, "") if len(rows) > limit else None
        return StoredArtists(found, rows[0].total if rows else 0, more)

    async def files(self) -> list[KnownFile]:
        """See TrackStore."""
        names = ("id", "source", "path", "size_bytes", "mtime_ns", "offline", "tags_version")
        statement = select(*(tracks.c[name] for name in names)).execution_options(yield_per=_ROWS_A_TURN)
        files: list[KnownFile] = []
        async with self._database.read() as connection, connection.stream(statement) as rows:
            async for some in rows.partitions():
                files += [KnownFile(*row) for row in some]
        return files

    async def lost(self) -> list[Lost]:
        """See TrackStore."""
        names = ("id", "path", "size_bytes", "mtime_ns", "title", "artist", "album", "duration_ms", "sound")
        statement = select(*(tracks.c[name] for name in names)).where(tracks.c.offline, tracks.c.source == "library")
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [Lost(*row) for row in rows]

    async def mark(self, offline: Sequence[TrackId], online: Sequence[TrackId]) -> None:
        """See TrackStore."""
        if not offline and not online:
            return
        failed = tracks.c.status == "failed"
        back = {
            "offline": False,
            "status": case((failed, "available"), else_=tracks.c.status),
            "reason": case((failed, None), else_=tracks.c.reason),
        }
        async with self._database.write() as connection:
            for ids, values in ((offline, {"offline": True}), (online, back)):
                for start in range(0, len(ids), _MANY):
                    some = ids[start : start + _MANY]
                    await connection.execute(update(tracks).where(tracks.c.id.in_(some)).values(**values))

    async def counts(self) -> tuple[int, int]:
        """See TrackStore."""
        statement = select(func.count(), func.count().filter(tracks.c.offline)).select_from(tracks)
        async with self._database.read() as connection:
            all_of_them, offline = (await connection.execute(statement)).one()
        return all_of_them, offline

    async def peaks(self, id: TrackId) -> bytes | None:
        """See TrackStore."""
        async with self._database.read() as connection:
            return await connection.scalar(select(track_peaks.c.peaks).where(track_peaks.c.track_id == id))

    async def _one(self, where: Any) -> Track | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(where).order_by(tracks.c.id).limit(1))).first()
        return None if row is None else _track_of(row)


async def _change(connection: AsyncConnection, id: TrackId, changes: Changes) -> Track | None:
    values: dict[str, Any] = dict(changes)
    if "peaks" in values:
        await _keep_peaks(connection, id, values.pop("peaks"))
    if values.keys() & _NAMES:
        row = (await connection.execute(select(*_COLUMNS).where(tracks.c.id == id))).first()
        if row is None:
            return None
        after: dict[str, Any] = {**dict(row._mapping), **values}  # pyright: ignore[reportPrivateUsage]
        values |= _derived(after)
        await connection.execute(_INDEX, _words_of(id, after))
    if not values:
        row = (await connection.execute(select(*_COLUMNS).where(tracks.c.id == id))).first()
        return None if row is None else _track_of(row)
    statement = update(tracks).where(tracks.c.id == id).values(**values).returning(*_COLUMNS)
    changed = (await connection.execute(statement)).first()
    return None if changed is None else _track_of(changed)


async def _keep_peaks(connection: AsyncConnection, id: TrackId, peaks: bytes | None) -> None:
    if peaks is None:
        await connection.execute(delete(track_peaks).where(track_peaks.c.track_id == id))
        return
    statement = upsert(track_peaks).values(track_id=id, peaks=peaks)
    await connection.execute(statement.on_conflict_do_update(index_elements=["track_id"], set_={"peaks": peaks}))


def _fields(track: Track) -> dict[str, Any]:
    return {name: getattr(track, name) for name in _KEPT}


def _row_of(track: Track, added_ms: int) -> dict[str, Any]:
    row = _fields(track)
    return {**row, **_derived(row), "added_ms": added_ms}


def _derived(row: dict[str, Any]) -> dict[str, Any]:
    """What order and look-ups by name go by."""
    return {
        "search": search_text(row["title"], row["artist"], row["album"]),
        "credited_key": key_of(row["credited"]) if row["credited"] else None,
        "album_sort": key_of(row["album"]) if row["album"] else None,
    }


def _words_of(id: TrackId, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id,
        "title": indexed(row["title"]),
        "people": indexed(row["artist"], row["album_artist"]),
        "album": indexed(row["album"]),
    }


def _track_of(row: Row[Any]) -> Track:
    values: dict[str, Any] = {name: getattr(row, name) for name in _KEPT}
    return Track(**values, progress=1.0 if values["status"] == "ready" else 0.0)
