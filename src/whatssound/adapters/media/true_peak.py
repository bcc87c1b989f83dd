"""True peak: how high the sound rises between the samples (ITU-R BS.1770, annex 2), by fourfold oversampling.

FFmpeg's meter finds the same for three times the time: here a block of samples becomes one product of matrices.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from whatssound.adapters.media.source import Samples

Channel = NDArray[np.float32]
"""The samples of one channel."""

_PHASES: Final = 4
_TAPS: Final = 16
"""Samples that each value between two samples is made of; the standard's own filter has 12."""

_ROW: Final = 16
"""Samples that one row of the product makes, found by trying."""

_HIGHEST_RISE: Final = 2.0
"""Between samples music rises by less than 6 dB: blocks quieter than half of the peak so far need no look."""


class TruePeak:
    """The largest magnitude of either channel, between the samples too; at the very ends, of the samples alone."""

    def __init__(self) -> None:
        self._filter = _filter()
        self._waiting: Samples = np.zeros((2, _TAPS - 1), np.float32)
        self.peak = 0.0
        """As a factor; 0 for silence."""

    def write(self, channels: Sequence[Channel], highest: float) -> None:
        """Measure a block of finite samples whose largest magnitude is `highest`."""
        before = self._waiting.shape[1]
        joined: Samples = np.empty((2, before + len(channels[0])), np.float32)
        joined[:, :before] = self._waiting
        for row, channel in zip(joined, channels, strict=True):
            row[before:] = channel
        around = max(highest, float(np.abs(self._waiting).max()))
        done = (joined.shape[1] - (_TAPS - 1)) // _ROW * _ROW
        self._waiting = joined[:, done:].copy()
        self.peak = max(self.peak, highest)
        if done and around * _HIGHEST_RISE > self.peak:
            # Copied by `reshape`, for overlapping rows would be multiplied one by one.
            rows = sliding_window_view(joined, _ROW + _TAPS - 1, axis=1)[:, ::_ROW].reshape(-1, _ROW + _TAPS - 1)
            between = rows @ self._filter
            self.peak = max(self.peak, float(between.max()), -float(between.min()))


def _filter() -> NDArray[np.float32]:
    """Columns that give the three values after each sample of a row: a sinc in a Kaiser window, as a banded matrix."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    matrix = np.zeros((_ROW + _TAPS - 1, _ROW * (_PHASES - 1)), np.float32)
    for phase in range(1, _PHASES):
        distance = at - phase / _PHASES
        taps = np.sinc(distance) * np.i0(6.0 * np.sqrt(1 - (distance / (_TAPS / 2)) ** 2)) / np.i0(6.0)
        taps /= taps.sum()
        for sample in range(_ROW):
            matrix[sample : sample + _TAPS, sample * (_PHASES - 1) + phase - 1] = taps
    return matrix
