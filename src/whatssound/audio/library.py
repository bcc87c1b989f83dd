"""The library: every piece of music this server can play."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire import bodies, events

Urgency = Literal["now", "queued", "upload", "asked"]
"""Why a track is wanted, most urgent first: it plays or is next; it is in a queue; it was uploaded; somebody asked."""


@dataclass(frozen=True, slots=True)
class TrackListing:
    """A page of tracks by title. `next` is the cursor of the following page, or None at the end."""

    tracks: list[Track]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is. `skipped` names the files and folders that could not be read, and why (100 at most)."""

    seen: int
    added: int
    changed: int
    unreadable: int
    skipped: tuple[str, ...]
    done: bool


class Library:
    """Finds tracks, takes in new ones, has them encoded when they are wanted."""

    async def get(self, track_id: TrackId) -> Track:
        """One track. Raises Refusal `not_found`."""
        raise NotImplementedError

    async def page(self, q: str | None = None, limit: int = 50, cursor: str | None = None) -> TrackListing:
        """Tracks whose title, artist or album contain every word of `q`, whatever the case and accents.

        `limit` is 1 to 100. Raises Refusal `invalid` for a cursor that we did not give or a limit outside that.
        """
        raise NotImplementedError

    async def upload(self, path: Path, filename: str) -> Track:
        """Take in an uploaded file and have it encoded at once; `path` is gone afterwards.

        Any content is taken: what cannot be read fails later, with its reason. Raises Refusal `disk_full`.
        """
        raise NotImplementedError

    async def scan(self, folder: Path, on_progress: Callable[[ScanProgress], None] | None = None) -> ScanProgress:
        """Offer every piece of music under `folder`, which is only read: tags and covers, nothing is decoded.

        A file seen before keeps its id and is read again only when its size or time changed. What cannot be read is
        reported and skipped. Raises Refusal `not_found` when `folder` is no folder, `forbidden` when it is closed to us.
        """
        raise NotImplementedError

    async def want(self, track_id: TrackId, urgency: Urgency = "asked") -> Track:
        """Have a track encoded; does nothing when it is. A failed one is tried again only when `urgency` is `asked`.

        Raises Refusal `not_found`, or `overloaded` with `retry_after_ms` when too many wait already.
        """
        raise NotImplementedError

    def wire_track(self, track: Track) -> events.Track:
        """The track as rooms keep it: without `hls`, which `sign` fills."""
        raise NotImplementedError

    def sign(self, track: events.Track) -> events.Track:
        """The same track with `hls`: a signed path to its master playlist, valid for 6 hours at least."""
        raise NotImplementedError

    def body(self, track: Track, peaks: list[int] | None = None) -> bodies.TrackBody:
        """The track as the HTTP API shows it, with a signed `hls`."""
        raise NotImplementedError

    async def peaks(self, track_id: TrackId, points: int = 1000) -> list[int] | None:
        """The waveform, 0 to 255, at most `points` values; None until the track is encoded."""
        raise NotImplementedError

    def on_changed(self, callback: Callable[[Track], None]) -> None:
        """Call back whenever a track changed: progress, exact duration, ready, failed. On the event loop."""
        raise NotImplementedError
