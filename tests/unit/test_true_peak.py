"""How high the sound rises between the samples."""

import math

import numpy as np
import pytest

from whatssound.adapters.media.true_peak import TruePeak


def measured(signal: np.ndarray, *, block: int = 1000) -> float:
    """The peak of the same signal on both sides, given in blocks."""
    meter, channel = TruePeak(), signal.astype(np.float32)
    for at in range(0, len(channel), block):
        part = channel[at : at + block]
        meter.write((part, part), float(np.abs(part).max()))
    return meter.peak


def sine(hz: float, *, phase: float = 0.0, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(int(44_100 * seconds)) / 44_100
    return 0.5 * np.sin(2 * np.pi * hz * t + phase)


def test_a_wave_whose_tops_fall_between_the_samples_is_measured_at_its_tops() -> None:
    hidden = sine(44_100 / 4, phase=math.pi / 4)
    assert np.abs(hidden).max() == pytest.approx(0.5 / math.sqrt(2), abs=1e-6)
    fade = np.minimum(1, np.arange(len(hidden)) / 2000)  # a sudden start would ring
    assert measured(hidden * fade * fade[::-1]) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("hz", [50, 997, 5_000, 12_000])
def test_a_plain_wave_has_the_peak_it_was_made_with(hz: float) -> None:
    smooth = np.minimum(1, np.arange(22_050) / 2000)
    assert measured(sine(hz) * smooth * smooth[::-1]) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("block", [1, 7, 31, 32, 33, 8192])
def test_blocks_of_any_size_give_the_same_peak(block: int) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 3_000)
    assert measured(noise, block=block) == pytest.approx(measured(noise, block=3_000), rel=1e-5)


def test_silence_has_none() -> None:
    assert measured(np.zeros(1_000)) == 0
