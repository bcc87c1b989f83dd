"""What a track is and what state it is in."""

from dataclasses import dataclass
from typing import Literal

from whatssound.ids import TrackId, UserId
from whatssound.wire.bodies import TrackStatus

Source = Literal["upload", "library", "demo"]


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of music in the library, with what its tags and its encode taught us.

    `samples` and `rate_hz` are exact once it was decoded; until then `duration_ms` is what the tags claim.
    `blob_key` names its stored renditions and is known from the moment its encode starts; `encoded_bytes` is what they
    take on disk. `offline`: the file cannot be reached now. `album_key` is the same for the tracks of one album,
    `credited` the artist it is listed under. `sound` identifies the music whatever its tags say; `tags_version` is the
    version of the reader that read those. `owner_id` uploaded it.
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
    offline: bool = False
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    album_key: str | None = None
    credited: str | None = None
    sound: str | None = None
    tags_version: int = 0
    owner_id: UserId | None = None
    last_played_ms: int | None = None
    encoded_bytes: int = 0
