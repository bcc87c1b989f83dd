"""Which renditions a track gets, and where their segments begin and end. Pure.

All renditions of a track share one grid, so that a player may change between them at any segment.
"""

from dataclasses import dataclass
from typing import Final

FRAME_SAMPLES: Final = 1024
"""Samples in a frame of AAC-LC."""

PRIMING_SAMPLES: Final = 1024
"""What the encoder writes before the first sample; the edit list in `init.mp4` hides it again."""

SEGMENT_S: Final = 4
"""A segment is the largest whole number of frames that is not longer: 172 at 44.1 kHz, 187 at 48 kHz."""

PROFILE: Final = b"aac-lc/cmaf/1"
"""Part of every blob key: change it whenever the same source would give other bytes."""

CODECS: Final = "mp4a.40.2"
"""AAC-LC, as playlists spell it."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A rendition of the ladder. `ceiling_bps` is announced until the real peak is measured.

    The ceilings stand half above the nominal rate: the encoder overshoots on noise (128 asked, 151 kb/s seen).
    """

    kbps: int
    ceiling_bps: int


LADDER: Final = (Rung(128, 192_000), Rung(64, 96_000), Rung(256, 384_000))
"""In the order in which they are encoded."""

FIRST: Final = LADDER[0].kbps
"""Encoded alone and first, because it is what somebody waits for."""

REST: Final = tuple(rung.kbps for rung in LADDER[1:])
"""Encoded together when there is time."""

OGG_KBPS: Final = 160
"""The whole file for saving: Ogg Vorbis at quality 5, which aims at this."""

OGG_CEILING_BPS: Final = 320_000
"""Twice that: Vorbis gives dense music what it needs."""


def rate_for(source_hz: int) -> int:
    """The sample rate to encode at: 44.1 and 48 kHz stay, others go to the nearer family's."""
    if source_hz in (44_100, 48_000):
        return source_hz
    return 44_100 if source_hz % 11_025 == 0 else 48_000


def presented_samples(source_samples: int, source_hz: int) -> int:
    """How many samples are presented at `rate_for(source_hz)`: never shorter than the source."""
    return -(-source_samples * rate_for(source_hz) // source_hz)


def duration_ms(samples: int, rate_hz: int) -> int:
    """The duration in ms, rounded to the nearest."""
    return (samples * 2000 + rate_hz) // (2 * rate_hz)


@dataclass(frozen=True, slots=True)
class Grid:
    """The segments of a track of `samples` presented samples at `rate_hz`."""

    samples: int
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples < 1 or self.rate_hz < FRAME_SAMPLES:
            raise ValueError(f"no grid over {self.samples} samples at {self.rate_hz} Hz")

    @property
    def frames_per_segment(self) -> int:
        """AAC frames in every segment but the last."""
        return SEGMENT_S * self.rate_hz // FRAME_SAMPLES

    @property
    def frames(self) -> int:
        """AAC frames of the whole rendition, the priming one included."""
        return -(-(self.samples + PRIMING_SAMPLES) // FRAME_SAMPLES)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return -(-self.frames // self.frames_per_segment)

    def begins_at(self, segment: int) -> int:
        """The first presented sample of `segment`, or `samples` for the one after the last."""
        decoded = segment * self.frames_per_segment * FRAME_SAMPLES
        return min(max(0, decoded - PRIMING_SAMPLES), self.samples)

    def samples_in(self, segment: int) -> int:
        """How many presented samples `segment` has."""
        return self.begins_at(segment + 1) - self.begins_at(segment)

    def seconds_in(self, segment: int) -> float:
        """How long `segment` sounds."""
        return self.samples_in(segment) / self.rate_hz

    def announced_seconds(self, segment: int) -> float:
        """How long playlists say that `segment` is, so that all starts are those of the segments' decode times.

        Players take the difference of the two for an offset of the whole track: with the first segment announced as
        it sounds, who joined in the middle heard everything the priming (23 ms) earlier than who began at the start.
        The last segment is that much shorter instead, because the edit list moves the end, too.
        """
        begins = segment * self.frames_per_segment * FRAME_SAMPLES
        ends = begins + self.frames_per_segment * FRAME_SAMPLES
        if segment == self.segments - 1:
            ends = max(self.samples, begins + FRAME_SAMPLES)
        return (ends - begins) / self.rate_hz
