"""What is measured of a track while it is encoded: loudness (EBU R128), true peak, waveform."""

import math
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

_SILENCE_LUFS: Final = -69.9
"""The gate of R128 is at -70 LUFS; what does not pass it has no loudness."""


class Meters:
    """All that is measured, in one pass over the track."""

    def __init__(self, rate_hz: int) -> None:
        self._loudness = Loudness(rate_hz)
        self._true_peak = TruePeak()
        self._waveform = Waveform(rate_hz)

    def write(self, block: AudioFrame) -> None:
        """Measure a block."""
        self._loudness.write(block)
        channels = channels_of(block)
        magnitudes = np.maximum(*map(np.abs, channels))
        if not np.isfinite(highest := float(magnitudes.max(initial=0))):
            channels = [np.nan_to_num(channel, nan=0.0, posinf=0.0, neginf=0.0) for channel in channels]
            magnitudes = np.maximum(*map(np.abs, channels))
            highest = float(magnitudes.max())
        self._true_peak.write(channels, highest)
        self._waveform.write(magnitudes)

    def finish(self) -> tuple[float | None, float | None, bytes]:
        """`(LUFS, dB true peak, waveform)`; the first two None when there is nothing to hear."""
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
        self._rest: Channel = np.empty(0, np.float32)
        self._values: list[bytes] = []

    def write(self, magnitudes: Channel) -> None:
        """Measure a block: the larger magnitude of both channels for each sample."""
        magnitudes = np.concatenate([self._rest, magnitudes])
        whole = len(magnitudes) // self._per_value * self._per_value
        self._add(magnitudes[:whole].reshape(-1, self._per_value))
        self._rest = magnitudes[whole:]

    def finish(self) -> bytes:
        """All values; the last may stand for less than 10 ms."""
        if self._rest.size:
            self._add(self._rest[np.newaxis, :])
        return b"".join(self._values)

    def _add(self, rows: Samples) -> None:
        if rows.size:
            loudest = np.minimum(rows.max(axis=1), 1)
            values = np.asarray(np.round(loudest * 255), dtype=np.uint8)
            self._values.append(values.tobytes())
