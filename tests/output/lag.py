"""How far two recorded channels are apart from moment to moment, by cross-correlation. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

LOW_HZ, HIGH_HZ = 50, 300
"""The band that is compared: low enough to bear a window in which one channel plays 3 % faster."""

FINE_HZ = 4_000
"""The band's own rate; a parabola through the peak gives hundredths of a sample."""

WINDOW_S, HOP_S = 0.5, 0.1
REACH_S = 1.0

SURE = 0.5
"""Correlation that different noise does not reach by chance (0.38 at most in 1,280 windows)."""

AT_REST = (0.0,)
BENT = tuple(float(rate) for rate in np.arange(-0.07, 0.0701, 0.004))
"""Relative rates that are tried when the channels do not match at the same rate: a player is being bent."""

QUIET = 1e-3
BLOCK_S = 0.02
SOUNDING = 0.8

State = Literal["both", "first", "second", "silent", "unclear"]


@dataclass(frozen=True, slots=True)
class Window:
    """One look at two channels around `at_s`.

    `state` says who is heard: "both", only the "first" or the "second", none ("silent"), or both but other
    music ("unclear"). `apart_ms`, positive when the second is late, is 0 in silence and infinite unless both are heard.
    """

    at_s: float
    state: State
    apart_ms: float


def windows(first: Samples, second: Samples, rate_hz: int) -> list[Window]:
    """Looks at both channels every 0.1 s, half a second each."""
    heard = [sounding(channel, rate_hz) for channel in (first, second)]
    bands = [band(channel, rate_hz) for channel in (first, second)]
    reach = round((REACH_S + WINDOW_S) * FINE_HZ)
    padded = [np.pad(samples, reach) for samples in bands]
    found = []
    for at in np.arange(WINDOW_S / 2, len(first) / rate_hz - WINDOW_S / 2, HOP_S):
        states = [is_heard(blocks, float(at)) for blocks in heard]
        found.append(_look(padded, states, float(at), reach))
    return found


def _look(padded: Sequence[Samples], heard: Sequence[bool], at_s: float, reach: int) -> Window:
    if not all(heard):
        state: State = "first" if heard[0] else "second" if heard[1] else "silent"
        return Window(at_s, state, float("inf") if any(heard) else 0.0)
    centre = reach + round(at_s * FINE_HZ)
    for rates in (AT_REST, BENT):
        apart_ms, match = max((_best(*padded, centre, rate) for rate in rates), key=lambda found: found[1])
        if match >= SURE:
            return Window(at_s, "both", apart_ms)
    return Window(at_s, "unclear", float("inf"))


def _best(first: Samples, second: Samples, centre: int, rate: float) -> tuple[float, float]:
    """The second's delay in ms and how well it fits there, if it plays `rate` slower than the first."""
    half, reach = round(WINDOW_S * FINE_HZ / 2), round(REACH_S * FINE_HZ)
    piece = first[centre - half : centre + half]
    offsets = np.arange(-half - reach, half + reach)
    other = second[centre + offsets] if rate == 0 else _stretched(second, centre + offsets * (1 + rate))
    size = 1 << (len(other) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(piece, size)), size)[: 2 * reach + 1]
    sums = np.concatenate([[0.0], np.cumsum(other**2)])
    energy = sums[2 * half :][: 2 * reach + 1] - sums[: 2 * reach + 1][: len(sums) - 2 * half]
    fit = product[: len(energy)] / np.sqrt(np.maximum(energy, 1e-12) * max(float(piece @ piece), 1e-12))
    peak = int(np.argmax(fit))
    return (peak + _between(fit, peak) - reach) * (1 + rate) * 1_000 / FINE_HZ, float(fit[peak])


def _stretched(samples: Samples, places: NDArray[np.float64]) -> Samples:
    return np.interp(places, np.arange(len(samples)), samples)


def _between(fit: Samples, peak: int) -> float:
    """Where the peak of a parabola through three samples is, from the middle one."""
    if not 0 < peak < len(fit) - 1:
        return 0.0
    before, top, after = fit[peak - 1 : peak + 2]
    bend = before - 2 * top + after
    return 0.0 if bend == 0 else float((before - after) / (2 * bend))


def band(samples: Samples, rate_hz: int) -> Samples:
    """The compared band alone, at its own rate; nothing is shifted."""
    length = len(samples) // rate_hz * rate_hz + rate_hz
    spectrum = np.fft.rfft(samples, length)
    fine = length * FINE_HZ // rate_hz
    kept = spectrum[: fine // 2 + 1].copy()
    pitch_hz = np.arange(len(kept)) * rate_hz / length
    kept[(pitch_hz < LOW_HZ) | (pitch_hz > HIGH_HZ)] = 0
    return np.fft.irfft(kept, fine) * fine / length


def sounding(samples: Samples, rate_hz: int) -> NDArray[np.bool_]:
    """For each 20 ms whether anything is heard."""
    size = round(BLOCK_S * rate_hz)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return np.sqrt(np.mean(blocks**2, axis=1)) > QUIET


def is_heard(blocks: NDArray[np.bool_], at_s: float) -> bool:
    """Whether a channel sounds through most of the window around `at_s`."""
    first, last = round((at_s - WINDOW_S / 2) / BLOCK_S), round((at_s + WINDOW_S / 2) / BLOCK_S)
    return bool(np.mean(blocks[first:last]) >= SOUNDING) if last > first else False
