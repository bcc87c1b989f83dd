"""The measure of the true output must be right where the answer is known."""

import numpy as np
import pytest

from output.lag import Samples, windows
from output.noise import pink_noise

RATE_HZ = 48_000
SECONDS = 4


@pytest.fixture(scope="module")
def noise() -> Samples:
    return pink_noise(SECONDS, seed=7, rate_hz=RATE_HZ)


def late(noise: Samples, ms: float) -> Samples:
    return played(noise, lambda t: t - ms / 1_000)


def played(noise: Samples, position_s) -> Samples:
    """What is heard of `noise` when its position at time t is `position_s(t)`."""
    t = np.arange(len(noise)) / RATE_HZ
    return np.interp(position_s(t), t, noise, left=0, right=0)


@pytest.mark.parametrize("ms", [0, 15, -15, 0.3, -240.7, 900])
def test_a_planted_delay_is_found_to_a_tenth_of_a_millisecond(noise: Samples, ms: float) -> None:
    inside = [w for w in windows(noise, late(noise, ms), RATE_HZ) if 1.3 < w.at_s < SECONDS - 1.3]
    assert {w.state for w in inside} == {"both"}
    assert [w.apart_ms for w in inside] == pytest.approx([ms] * len(inside), abs=0.1)


def test_a_channel_that_is_bent_is_followed_while_it_is(noise: Samples) -> None:
    other = played(noise, lambda t: t - 0.02 - 0.03 * np.clip(t - 1, 0, 1))
    inside = [w for w in windows(noise, other, RATE_HZ) if 0.5 < w.at_s < SECONDS - 0.5]
    assert {w.state for w in inside} == {"both"}
    expected = [20 + 30 * np.clip(w.at_s - 1, 0, 1) for w in inside]
    assert [w.apart_ms for w in inside] == pytest.approx(expected, abs=2)


def test_a_delay_is_found_in_spite_of_other_noise_as_loud_as_a_codec_leaves(noise: Samples) -> None:
    spoiled = late(noise, 15) + 0.3 * pink_noise(SECONDS, seed=8, rate_hz=RATE_HZ)
    inside = [w for w in windows(noise, spoiled, RATE_HZ) if 0.5 < w.at_s < SECONDS - 0.5]
    assert [w.apart_ms for w in inside] == pytest.approx([15] * len(inside), abs=0.5)


def test_silence_is_told_from_being_together(noise: Samples) -> None:
    t = np.arange(len(noise)) / RATE_HZ
    cut = np.where((t > 1) & (t < 2), 0, noise)
    middle = windows(noise, cut, RATE_HZ)[12]
    assert (middle.state, middle.apart_ms) == ("first", float("inf"))
    assert windows(cut, noise, RATE_HZ)[12].state == "second"
    assert windows(cut * 0, noise * 0, RATE_HZ)[12].state == "silent"


def test_other_music_is_never_together() -> None:
    pair = [pink_noise(6, seed=seed, rate_hz=8_000) for seed in (1, 2)]
    found = windows(*pair, 8_000)
    assert {w.state for w in found} == {"unclear"}
