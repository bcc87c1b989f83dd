"""What is measured of a track while it is encoded: loudness (EBU R128), true peak, waveform."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av import AudioFrame
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph

from whatssound.adapters.media.source import Samples, channels_of
from whatssound.adapters.media.true_peak import Channel, TruePeak

PEAKS_HZ: Final = 100
"""Values of the waveform in a second."""

_AT_ONCE: Final = 30
"""Blocks that are measured in one go (11 s of music, 4 MB). What measures and what encodes drive each other out of the
processor's caches: in turn, block by block, they cost 3 % more."""

_SILENCE_LUFS: Final = -69.9
"""The gate of R128 is at -70 LUFS; what does not pass it has no loudness."""


class Meters:
    """All that is measured, in one pass over the track."""

    def __init__(self, rate_hz: int) -> None:
        self._loudness = Loudness(rate_hz)
        self._true_peak = TruePeak()
        self._waveform = Waveform(rate_hz)
        self._waiting: list[AudioFrame] = []

    def write(self, block: AudioFrame) -> None:
        """Measure a block, now or with those to come; its time must be set."""
        self._waiting.append(block)
        if len(self._waiting) == _AT_ONCE:
            self._measure_all()

    def _measure_all(self) -> None:
        for block in self._waiting:
            self._measure(block)
        self._waiting.clear()

    def _measure(self, block: AudioFrame) -> None:
        self._loudness.write(block)
        channels = channels_of(block)
        if not np.isfinite(highest := self._waveform.write(channels)):
            channels = [np.nan_to_num(channel, nan=0.0, posinf=0.0, neginf=0.0) for channel in channels]
            highest = float(np.abs(channels).max())
        self._true_peak.write(channels, highest)

    def finish(self) -> tuple[float | None, float | None, bytes]:
        """`(LUFS, dB true peak, waveform)`; the first two None when there is nothing to hear."""
        self._measure_all()
        peak = self._true_peak.peak
        peak_db = round(20 * math.log10(peak), 2) if peak > 0 else None
        return self._loudness.finish(), peak_db, self._waveform.finish()


class Loudness:
    """Integrated loudness by FFmpeg's `ebur128`."""

    def __init__(self, rate_hz: int) -> None:
        self._latest: dict[str, str] = {}
        self._graph: Any = Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate_hz, format="fltp", layout="stereo", time_base=Fraction(1, rate_hz)
        )
        meter = self._graph.add("ebur128", "metadata=1")
        sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()

    def write(self, block: AudioFrame) -> None:
        """Measure a block; its time must be set."""
        self._graph.push(block)
        self._drain()

    def finish(self) -> float | None:
        """LUFS; None when there is nothing to hear."""
        self._graph.push(None)
        self._drain()
        lufs = float(self._latest.get("lavfi.r128.I", "-70"))
        return round(lufs, 2) if _SILENCE_LUFS < lufs < 70 else None

    def _drain(self) -> None:
        """The last frame may be short of the meter's 100 ms and carries no figures: the newest ones count."""
        while True:
            try:
                figures = self._graph.pull().metadata
            except (NothingYet, NothingMore):
                return
            self._latest = figures or self._latest


class Waveform:
    """The largest magnitude of both channels in each 10 ms, as a byte."""

    def __init__(self, rate_hz: int) -> None:
        self._per_value = rate_hz // PEAKS_HZ
        self._rest: Samples = np.empty((2, 0), np.float32)
        self._values: list[bytes] = []

    def write(self, channels: Sequence[Channel]) -> float:
        """Measure a block; its largest magnitude, which is not finite when a sample is not."""
        if self._rest.shape[1]:
            channels = [np.concatenate(both) for both in zip(self._rest, channels, strict=True)]
        whole = len(channels[0]) // self._per_value * self._per_value
        parts = [channel[:whole].reshape(-1, self._per_value) for channel in channels]
        self._rest = np.stack([channel[whole:] for channel in channels])
        return max(self._add(parts), float(np.abs(self._rest).max(initial=0)))

    def finish(self) -> bytes:
        """All values; the last may stand for less than 10 ms."""
        if self._rest.shape[1]:
            self._add([channel[np.newaxis, :] for channel in self._rest])
        return b"".join(self._values)

    def _add(self, parts: Sequence[Samples]) -> float:
        if not parts[0].size:
            return 0.0
        sides = [np.maximum(part.max(axis=1), -part.min(axis=1)) for part in parts]
        loudest = np.maximum(*sides)
        values = np.asarray(np.round(np.clip(np.nan_to_num(loudest), 0, 1) * 255), dtype=np.uint8)
        self._values.append(values.tobytes())
        return float(loudest.max())
