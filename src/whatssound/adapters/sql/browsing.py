"""Pages of tracks, albums and artists: the statements behind `TrackStore`'s lists."""

from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, case, column, func, literal, select, table, tuple_

from whatssound.adapters.sql.tables import SEARCH_TABLE, tracks
from whatssound.audio.search import Words, folded
from whatssound.audio.store import After, Wanted

_index = table(SEARCH_TABLE, column("rowid"), column(SEARCH_TABLE))
"""FTS5 takes its query through a column that is named like the table."""

_LAST_NUMBER = 99_999

PLACE = (
    func.coalesce(tracks.c.disc_number, 1) * (_LAST_NUMBER + 1)
    + func.min(func.coalesce(tracks.c.track_number, _LAST_NUMBER), _LAST_NUMBER)
).label("place")
"""Where a track stands in its album; those without a number come last."""

_IN_ALBUMS = ("album", "credited", "people")
_IN_ARTISTS = ("credited",)


def tracks_where(wanted: Wanted) -> ColumnElement[bool]:
    """The condition that the wanted tracks meet."""
    conditions = [_matches(wanted.words)]
    if wanted.album is not None:
        conditions.append(tracks.c.album_key == wanted.album)
    if wanted.artist is not None:
        conditions.append(tracks.c.credited_key == folded(wanted.artist))
    return and_(True, *conditions)


def tracks_page(columns: list[Any], wanted: Wanted, limit: int, after: After | None) -> Executable:
    """One row more than `limit`, which tells whether there is another page."""
    where = tracks_where(wanted)
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
    """Albums by title; walking the index `tracks_by_album`, which ends when the page is full."""
    where = and_(tracks.c.album_key.is_not(None), *_album_conditions(wanted))
    if after is not None:
        where = and_(where, tuple_(tracks.c.album_sort, tracks.c.album_key) > (after.text, after.id))
    one_artist = func.min(tracks.c.credited_key) == func.max(tracks.c.credited_key)
    named = func.count(tracks.c.credited_key) == func.count()
    return (
        select(
            tracks.c.album_key,
            tracks.c.album_sort,
            func.min(tracks.c.album).label("title"),
            case((and_(one_artist, named), func.min(tracks.c.credited)), else_=func.min(tracks.c.album_artist)).label(
                "artist"
            ),
            func.max(tracks.c.year).label("year"),
            func.count().label("tracks"),
            func.sum(tracks.c.duration_ms).label("duration_ms"),
            func.min(tracks.c.cover_key).label("cover_key"),
        )
        .where(where)
        .group_by(tracks.c.album_sort, tracks.c.album_key)
        .order_by(tracks.c.album_sort, tracks.c.album_key)
        .limit(limit + 1)
    )


def albums_total(wanted: Wanted) -> Select[int]:
    """How many albums there are in all."""
    return select(func.count(tracks.c.album_key.distinct())).where(and_(True, *_album_conditions(wanted)))


def artists_page(words: Words, limit: int, after: After | None) -> Executable:
    """Artists by name; walking the index of them."""
    where = and_(tracks.c.credited_key.is_not(None), _matches(words, _IN_ARTISTS))
    if after is not None:
        where = and_(where, tracks.c.credited_key > after.text)
    return (
        select(
            tracks.c.credited_key,
            func.min(tracks.c.credited).label("name"),
            func.count(tracks.c.album_key.distinct()).label("albums"),
            func.count().label("tracks"),
        )
        .where(where)
        .group_by(tracks.c.credited_key)
        .order_by(tracks.c.credited_key)
        .limit(limit + 1)
    )


def artists_total(words: Words) -> Select[int]:
    """How many artists there are in all."""
    return select(func.count(tracks.c.credited_key.distinct())).where(_matches(words, _IN_ARTISTS))


def _album_conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """An album is shown whole even when the words are found in one of its tracks."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.words:
        conditions.append(_albums_of(_matches(wanted.words, _IN_ALBUMS)))
    if wanted.artist is not None:
        conditions.append(_albums_of(tracks.c.credited_key == folded(wanted.artist)))
    return conditions


def _albums_of(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return tracks.c.album_key.in_(select(tracks.c.album_key).where(condition).correlate(None))


def _matches(words: Words, columns: tuple[str, ...] = ()) -> ColumnElement[bool]:
    """Every word is found; `columns` of the index, or all of them."""
    conditions: list[ColumnElement[bool]] = [tracks.c.search.contains(mark, autoescape=True) for mark in words.marks]
    query = _query(words, columns)
    if query is not None:
        found = select(_index.c.rowid).where(_index.c[SEARCH_TABLE].op("MATCH")(query))
        conditions.append(tracks.c.id.in_(found))
    return and_(True, *conditions)


def _query(words: Words, columns: tuple[str, ...] = ()) -> str | None:
    """In FTS5's language. Words hold only letters and digits, so nothing in them can be an operator."""
    if not words.phrases:
        return None
    phrases = [f'"{" ".join(parts)}"' for parts in words.phrases]
    phrases[-1] += " *"
    said = " AND ".join(phrases)
    return f"{{{' '.join(columns)}}} : ({said})" if columns else said
