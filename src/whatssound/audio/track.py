"""What a track is and what state it is in."""

from dataclasses import dataclass
from typing import Literal

from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

Source = Literal["upload", "library", "demo"]


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of music in the library, with what its tags and its encode taught us.

    `samples` and `rate_hz` are exact once it was decoded; until then `duration_ms` is what the tags claim.
    `blob_key` names its stored renditions and is known from the moment its encode starts.
    """

    id: TrackId
    source: Source
    path: str
    title: str
    artist: str | None
    album: str | None
    duration_ms: int
    status: TrackStatus
    reason: str | None = None
    progress: float = 0.0
    samples: int | None = None
    rate_hz: int | None = None
    loudness_lufs: float | None = None
    true_peak_db: float | None = None
    blob_key: str | None = None
    cover_key: str | None = None
    size_bytes: int = 0
    mtime_ns: int = 0
