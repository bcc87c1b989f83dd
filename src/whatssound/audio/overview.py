"""What the encoder does, as figures and as people are shown it."""

from dataclasses import dataclass

from whatssound.ids import TrackId


@dataclass(frozen=True, slots=True)
class IngestStatistics:
    """Gauges (`waiting`, as of the pool's last look, and `running`) and counters since the start."""

    waiting: int
    running: int
    finished: int
    failed: int
    refused: int
    segments: int
    held: int = 0
    """1 while the cache has no room for the next encode."""
    overtaken: int = 0
    """Encodes that ended after another pool had taken them up: our lease had lapsed."""


@dataclass(frozen=True, slots=True)
class Running:
    """An encode as people are shown it. `progress` is 0 to 1."""

    track_id: TrackId
    title: str
    progress: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A track that cannot be played, and why."""

    track_id: TrackId
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What the encoder does and what it could not do. `held` says why nothing more is begun, when that is so."""

    waiting: int
    running: list[Running]
    failed: list[Failure]
    held: str | None
