"""Encoder: turns a source file into segments, away from the process that serves."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OggTags:
    """What an Ogg file says of itself."""

    title: str
    artist: str | None
    album: str | None


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """What to make of `source`: the rungs `kbps`, written below the existing folder `work`.

    `samples` is the exact presented length when an earlier job found it; `analyse` asks for loudness and peaks; a
    `background` job gets what the others leave of the processor; `ogg` asks for one Ogg Vorbis file with these tags.
    """

    source: Path
    kbps: tuple[int, ...]
    work: Path
    analyse: bool = False
    samples: int | None = None
    background: bool = False
    ogg: OggTags | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The presented length, as the container tells it; reported before the first segment."""

    samples: int
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Files of a rendition are complete, by name. `done` is how much of the track is encoded, 0 to 1."""

    kbps: int
    files: Mapping[str, Path]
    done: float


@dataclass(frozen=True, slots=True)
class RenditionDone:
    """A rendition is complete, with its measured bit rates."""

    kbps: int
    segments: int
    peak_bps: int
    average_bps: int


@dataclass(frozen=True, slots=True)
class Whole:
    """The Ogg file is complete."""

    file: Path


@dataclass(frozen=True, slots=True)
class Analysed:
    """What decoding the whole track taught: `samples` now exact, loudness None for silence, peaks 100 a second."""

    samples: int
    rate_hz: int
    loudness_lufs: float | None
    true_peak_db: float | None
    peaks: bytes


Report = Counted | Stored | RenditionDone | Whole | Analysed


class EncodeFailed(Exception):
    """This file cannot be encoded; `reason` is a sentence for the person who owns it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Encoder(Protocol):
    """Encodes one job at a time per call, each in isolation: what a file does to its decoder hurts that job alone."""

    async def start(self) -> None:
        """Get ready, so that the first job begins sooner."""
        ...

    async def stop(self) -> None:
        """Let go of whatever waits for a job. Running jobs are ended by closing their generators."""
        ...

    def encode(self, job: EncodeJob) -> AsyncGenerator[Report]:
        """Reports in order: Counted, Stored, RenditionDone and Whole as they happen, Analysed last when asked for.

        Raises EncodeFailed with the reason, or OSError when it is this server that is short of something.
        Closing the generator ends the work at once.
        """
        ...
