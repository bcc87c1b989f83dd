"""Browsing the library: pages of tracks, albums and artists, each with the cursor of the next."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from whatssound.audio import search
from whatssound.audio.store import After, StoredAlbum, StoredArtist, TrackStore, Wanted
from whatssound.audio.track import Track
from whatssound.ids import parse_id
from whatssound.wire.errors import Refusal

MAX_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class TrackListing:
    """A page of tracks. `next` is the cursor of the following page, or None at the end."""

    tracks: list[Track]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True)
class AlbumListing:
    """A page of albums by title."""

    albums: list[StoredAlbum]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True)
class ArtistListing:
    """A page of artists by name."""

    artists: list[StoredArtist]
    total: int
    next: str | None


class Listing:
    """Words are found whatever their case and accents; the last one may be unfinished.

    A page has 1 to 100 rows. Every method raises Refusal `invalid` for a cursor that we did not give, or another limit.
    """

    def __init__(self, store: TrackStore, shown: Callable[[Track], Track]) -> None:
        self._store = store
        self._shown = shown

    async def tracks(
        self, q: str | None, limit: int, cursor: str | None, *, album: str | None = None, artist: str | None = None
    ) -> TrackListing:
        """By title, or, within `album` (its key), as the album has them; `artist` is a name from `artists`."""
        wanted = Wanted(search.words_of(q), album, artist)
        found = await self._store.page(wanted, _checked(limit), _after(cursor, numbered=True))
        return TrackListing([self._shown(track) for track in found.tracks], found.total, _cursor(found.next))

    async def albums(self, q: str | None, limit: int, cursor: str | None, *, artist: str | None = None) -> AlbumListing:
        """With `q`, those whose name or artists have its words; with `artist`, those that this name is on."""
        found = await self._store.albums(Wanted(search.words_of(q), artist=artist), _checked(limit), _after(cursor))
        return AlbumListing(found.albums, found.total, _cursor(found.next))

    async def artists(self, q: str | None, limit: int, cursor: str | None) -> ArtistListing:
        """The names that tracks are listed under."""
        found = await self._store.artists(search.words_of(q), _checked(limit), _after(cursor))
        return ArtistListing(found.artists, found.total, _cursor(found.next))


def _checked(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise Refusal("invalid", f"A page has 1 to {MAX_PAGE} rows.")
    return limit


def _cursor(after: After | None) -> str | None:
    if after is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode((after.text, after.id, after.place))).decode()


def _after(cursor: str | None, *, numbered: bool = False) -> After | None:
    if not cursor:
        return None
    try:
        given = base64.urlsafe_b64decode(cursor.encode())
        text, id, place = msgspec.json.decode(given, type=tuple[str, str, int])
        if numbered:
            parse_id(id)
        return After(text, id, place)
    except (binascii.Error, UnicodeError, ValueError, msgspec.DecodeError) as error:
        raise Refusal("invalid", "This cursor is not one of ours; begin again without it.") from error
