"""TrackStore: the rows of the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from whatssound.audio.moves import Lost
from whatssound.audio.search import NO_WORDS, Words
from whatssound.audio.track import Source, Track
from whatssound.ids import TrackId, UserId
from whatssound.wire.bodies import TrackStatus


class Changes(TypedDict, total=False):
    """Fields of a track to replace; the others stay. `peaks` is kept beside the track (see `TrackStore.peaks`)."""

    title: str
    artist: str | None
    album: str | None
    duration_ms: int
    status: TrackStatus
    reason: str | None
    samples: int | None
    rate_hz: int | None
    loudness_lufs: float | None
    true_peak_db: float | None
    peaks: bytes | None
    blob_key: str | None
    cover_key: str | None
    size_bytes: int
    mtime_ns: int
    path: str
    offline: bool
    album_artist: str | None
    track_number: int | None
    disc_number: int | None
    year: int | None
    album_key: str | None
    credited: str | None
    sound: str | None
    tags_version: int
    owner_id: UserId | None
    last_played_ms: int | None
    encoded_bytes: int


@dataclass(frozen=True, slots=True)
class After:
    """A place in the order of pages: the last row's text and id, and its number in its album (0 in other orders)."""

    text: str
    id: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tracks a page shows. `album` is an album's key, `artist` a name; both narrow what `words` find."""

    words: Words = NO_WORDS
    album: str | None = None
    artist: str | None = None


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Some tracks in order, how many match in all, and where the next page begins (None at the end)."""

    tracks: list[Track]
    total: int
    next: After | None


@dataclass(frozen=True, slots=True)
class StoredAlbum:
    """An album as its tracks tell. `artist` is None when they are by several and none of them names one."""

    key: str
    title: str
    artist: str | None
    year: int | None
    tracks: int
    duration_ms: int
    cover_key: str | None


@dataclass(frozen=True, slots=True)
class StoredArtist:
    """A name that tracks are listed under."""

    name: str
    albums: int
    tracks: int


@dataclass(frozen=True, slots=True)
class StoredAlbums:
    """A page of albums by title."""

    albums: list[StoredAlbum]
    total: int
    next: After | None


@dataclass(frozen=True, slots=True)
class StoredArtists:
    """A page of artists by name."""

    artists: list[StoredArtist]
    total: int
    next: After | None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a scan compares a folder with: a track's file as it was when it was read."""

    id: TrackId
    source: Source
    path: str
    size_bytes: int
    mtime_ns: int
    offline: bool
    tags_version: int


class TrackStore(Protocol):
    """Durable tracks. A returned write survives a kill of the process; reads see every write that returned.

    `Track.progress` is not kept: it reads 0, or 1 for a ready track.
    """

    async def add(self, new: Sequence[Track], *, added_ms: int) -> None:
        """Insert tracks, all or none. Raises ValueError when an id or a path is taken."""
        ...

    async def get(self, id: TrackId) -> Track | None:
        """One track, or None."""
        ...

    async def several(self, ids: Sequence[TrackId]) -> list[Track]:
        """Those of the tracks (at most 500) that exist, in any order."""
        ...

    async def by_paths(self, paths: Sequence[str]) -> dict[str, Track]:
        """The tracks of those source files (at most 500) that are known, by path."""
        ...

    async def by_blob_key(self, blob_key: str) -> Track | None:
        """A track whose renditions are kept there (the same source may be in the library twice), or None."""
        ...

    async def change(self, id: TrackId, changes: Changes) -> Track | None:
        """Replace fields and answer the whole track, or None when it does not exist. Keeps `search` in step."""
        ...

    async def write(self, new: Sequence[Track], changes: Sequence[tuple[TrackId, Changes]], *, added_ms: int) -> None:
        """`add` and many a `change` in one transaction: all or nothing. Raises ValueError as `add` does."""
        ...

    async def page(self, wanted: Wanted, limit: int, after: After | None) -> StoredPage:
        """The wanted tracks by title; those of one album by disc and number.

        Every word must begin a word of title, artist or album, and all but the last must be whole.
        """
        ...

    async def albums(self, wanted: Wanted, limit: int, after: After | None) -> StoredAlbums:
        """Albums by title. Words are sought in an album's name and the name of one who is on it."""
        ...

    async def artists(self, words: Words, limit: int, after: After | None) -> StoredArtists:
        """The names that tracks are listed under."""
        ...

    async def files(self) -> list[KnownFile]:
        """Every track's file; one query, however many there are."""
        ...

    async def lost(self) -> list[Lost]:
        """Every offline track of the library's folders."""
        ...

    async def mark(self, offline: Sequence[TrackId], online: Sequence[TrackId]) -> None:
        """Set and lift the offline mark, all or nothing. One that failed is `available` again when it is back."""
        ...

    async def counts(self) -> tuple[int, int]:
        """`(tracks, of which are offline)`."""
        ...

    async def peaks(self, id: TrackId) -> bytes | None:
        """The waveform, one byte each 10 ms; None when it is not known."""
        ...
