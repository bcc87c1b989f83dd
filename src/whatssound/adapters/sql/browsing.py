"""Pages of tracks, albums and artists: the statements behind `TrackStore`'s lists."""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    case,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    tuple_,
)

from whatssound.adapters.sql.tables import SEARCH_TABLE, tracks
from whatssound.audio.search import Words, key_of
from whatssound.audio.store import After, Wanted

_index = table(SEARCH_TABLE, column("rowid"), column(SEARCH_TABLE))
"""FTS5 takes its query through a column that is named like the table."""

_LAST_NUMBER = 99_999

PLACE = (
    func.coalesce(tracks.c.disc_number, 1) * (_LAST_NUMBER + 1)
    + func.min(func.coalesce(tracks.c.track_number, _LAST_NUMBER), _LAST_NUMBER)
).label("place")
"""Where a track stands in its album; those without a number come last."""


MANY: Final = 1_000
"""From so many hits on, the order of titles is walked and each track looked up among the hits; below, hits are sorted.

Of 50,000 tracks: 50,000 hits sorted 27 ms, walked 9 ms; 30 hits sorted 0.1 ms, walked 8 ms."""

_id_not_looked_up: ColumnElement[int] = literal_column("+tracks.id", Integer)
"""SQLite has no index for an expression, so it takes the one of the order."""


def tracks_where(wanted: Wanted, *, many: bool = False) -> ColumnElement[bool]:
    """The condition that the wanted tracks meet; `many` says that most of a walk by title meets it."""
    conditions = [_matches(wanted.words, _id_not_looked_up if many else tracks.c.id)]
    if wanted.album is not None:
        conditions.append(tracks.c.album_key == wanted.album)
    if wanted.artist is not None:
        conditions.append(tracks.c.credited_key == key_of(wanted.artist))
    return and_(True, *conditions)


def tracks_page(columns: list[Any], wanted: Wanted, limit: int, after: After | None, *, total: int) -> Executable:
    """One row more than `limit`, which tells whether there is another page; `total` matches decide how it is found."""
    where = tracks_where(wanted, many=total >= MANY and wanted.album is None)
    if wanted.album is None:
        order: tuple[Any, ...] = (tracks.c.search, tracks.c.id)
        place: ColumnElement[int] = literal(0).label("place")
    else:
        order, place = (PLACE, tracks.c.search, tracks.c.id), PLACE
    if after is not None:
        values = (after.text, int(after.id)) if wanted.album is None else (after.place, after.text, int(after.id))
        where = and_(where, tuple_(*order) > values)
    return select(*columns, tracks.c.search, place).where(where).order_by(*order).limit(limit + 1)


def tracks_total(wanted: Wanted) -> Select[int]:
    """How many tracks there are in all: exact, and for words alone answered by the index of words alone."""
    query = _query(wanted.words)
    if query is not None and not wanted.words.marks and wanted.album is None and wanted.artist is None:
        return select(func.count()).select_from(_index).where(_index.c[SEARCH_TABLE].op("MATCH")(query))
    return select(func.count()).select_from(tracks).where(tracks_where(wanted))


def albums_page(wanted: Wanted, limit: int, after: After | None) -> Executable:
    """Albums by title, and how many there are in all. An index tells which; only those of the page are added up."""
    found = _albums(wanted)
    keys = select(found.c.album_sort, found.c.album_key).where(found.c.album_key.is_not(None))
    if after is not None:
        keys = keys.where(tuple_(found.c.album_sort, found.c.album_key) > (after.text, after.id))
    page = keys.distinct().order_by(found.c.album_sort, found.c.album_key).limit(limit + 1).subquery()
    one_artist = func.min(tracks.c.credited_key) == func.max(tracks.c.credited_key)
    named = func.count(tracks.c.credited_key) == func.count()
    return (
        select(
            tracks.c.album_key,
            func.min(tracks.c.album_sort).label("album_sort"),
            func.min(tracks.c.album).label("title"),
            case((and_(one_artist, named), func.min(tracks.c.credited)), else_=func.min(tracks.c.album_artist)).label(
                "artist"
            ),
            func.max(tracks.c.year).label("year"),
            func.count().label("tracks"),
            func.sum(tracks.c.duration_ms).label("duration_ms"),
            func.min(tracks.c.cover_key).label("cover_key"),
            select(func.count(found.c.album_key.distinct())).scalar_subquery().label("total"),
        )
        .where(tracks.c.album_key.in_(select(page.c.album_key)))
        .group_by(tracks.c.album_key)
        .order_by(func.min(tracks.c.album_sort), tracks.c.album_key)
    )


def artists_page(words: Words, limit: int, after: After | None) -> Executable:
    """Artists by name, and how many there are in all; as albums are found."""
    some = select(tracks.c.credited_key).where(tracks.c.credited_key.is_not(None)).distinct().cte("names")
    some = some.prefix_with("MATERIALIZED")
    found = select(some.c.credited_key).where(_stand_in(some.c.credited_key, words)).cte("found")
    keys = select(found.c.credited_key)
    if after is not None:
        keys = keys.where(found.c.credited_key > after.text)
    page = keys.order_by(found.c.credited_key).limit(limit + 1).subquery()
    return (
        select(
            tracks.c.credited_key,
            func.min(tracks.c.credited).label("name"),
            func.count(tracks.c.album_key.distinct()).label("albums"),
            func.count().label("tracks"),
            select(func.count(found.c.credited_key)).scalar_subquery().label("total"),
        )
        .where(tracks.c.credited_key.in_(select(page.c.credited_key)))
        .group_by(tracks.c.credited_key)
        .order_by(tracks.c.credited_key)
    )


def _albums(wanted: Wanted) -> Any:
    """Keys of the wanted albums, in rows that may repeat: in an index alone when all are wanted."""
    some = select(tracks.c.album_sort, tracks.c.album_key, tracks.c.credited_key)
    some = some.where(tracks.c.album_key.is_not(None))
    if wanted.artist is not None:
        some = some.where(tracks.c.credited_key == key_of(wanted.artist))
    elif not wanted.words:
        return tracks
    # Each album and artist on it once, before words are sought: else SQLite seeks them in each of 50,000 rows.
    pairs = some.distinct().cte("pairs").prefix_with("MATERIALIZED")
    text = pairs.c.album_sort + " " + func.coalesce(pairs.c.credited_key, "")
    return (
        select(pairs.c.album_sort, pairs.c.album_key)
        .where(_stand_in(text, wanted.words))
        .cte("found")
        .prefix_with("MATERIALIZED")
    )


def _stand_in(text: Any, words: Words) -> ColumnElement[bool]:
    """As `_matches`, for a few thousand names that no index of words holds."""
    patterns = [f" {' '.join(parts)} " for parts in words.phrases[:-1]]
    patterns += [f" {' '.join(parts)}" for parts in words.phrases[-1:]]
    return and_(True, *((" " + text + " ").contains(part, autoescape=True) for part in (*patterns, *words.marks)))


def _matches(words: Words, id: ColumnElement[int]) -> ColumnElement[bool]:
    """Every word is found in title, artists or album."""
    conditions: list[ColumnElement[bool]] = [tracks.c.search.contains(mark, autoescape=True) for mark in words.marks]
    query = _query(words)
    if query is not None:
        conditions.append(id.in_(select(_index.c.rowid).where(_index.c[SEARCH_TABLE].op("MATCH")(query))))
    return and_(True, *conditions)


def _query(words: Words) -> str | None:
    """In FTS5's language. Words hold only letters and digits, so nothing in them can be an operator."""
    if not words.phrases:
        return None
    phrases = [f'"{" ".join(parts)}"' for parts in words.phrases]
    return " AND ".join(phrases) + " *"
