"""What is measured of a track while it is encoded: loudness (EBU R128), true peak, waveform."""

import math
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph

from whatssound.adapters.media.source import Samples, frame_of

PEAKS_HZ: Final = 100
"""Values of the waveform in a second."""

_SILENCE_LUFS: Final = -69.9
"""The gate of R128 is at -70 LUFS; what does not pass it has no loudness."""


class Loudness:
    """Integrated loudness and true peak by FFmpeg's `ebur128`."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._pts = 0
        self._latest: dict[str, str] = {}
        self._graph: Any = Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate_hz, format="fltp", layout="stereo", time_base=Fraction(1, rate_hz)
        )
        meter = self._graph.add("ebur128", "peak=true:metadata=1")
        sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()

    def write(self, samples: Samples) -> None:
        """Measure a block."""
        self._graph.push(frame_of(samples, self._rate_hz, self._pts))
        self._pts += samples.shape[1]
        self._drain()

    def finish(self) -> tuple[float | None, float | None]:
        """`(LUFS, dB true peak)`, each None when there is nothing to hear."""
        self._graph.push(None)
        self._drain()
        lufs = float(self._latest.get("lavfi.r128.I", "-70"))
        peak = float(self._latest.get("lavfi.r128.true_peak", "0"))
        return (
            round(lufs, 2) if _SILENCE_LUFS < lufs < 70 else None,
            round(20 * math.log10(peak), 2) if peak > 0 else None,
        )

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
        self._rest: Samples = np.empty(0, np.float32)
        self._values: list[bytes] = []

    def write(self, samples: Samples) -> None:
        """Measure a block."""
        magnitudes = np.concatenate([self._rest, np.abs(samples).max(axis=0)])
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
            loudest = np.clip(np.nan_to_num(rows.max(axis=1)), 0, 1)
            values = np.asarray(np.round(loudest * 255), dtype=np.uint8)
            self._values.append(values.tobytes())
