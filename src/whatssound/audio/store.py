"""TrackStore: the rows of the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from whatssound.audio.track import Track
from whatssound.ids import TrackId
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


@dataclass(frozen=True, slots=True)
class After:
    """A place in the order of pages: the last row's search text and id."""

    search: str
    id: TrackId


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Some tracks in order, how many match in all, and where the next page begins (None at the end)."""

    tracks: list[Track]
    total: int
    next: After | None


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

    async def page(self, words: Sequence[str], limit: int, after: After | None) -> StoredPage:
        """Tracks whose search text contains every one of `words` (folded as `audio.search` does), in its order."""
        ...

    async def with_status(self, *statuses: TrackStatus) -> list[Track]:
        """Every track in one of these states, oldest id first."""
        ...

    async def peaks(self, id: TrackId) -> bytes | None:
        """The waveform, one byte each 10 ms; None when it is not known."""
        ...
