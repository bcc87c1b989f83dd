"""Instruments: each makes one note or stroke as samples, mono or stereo, between about −1 and 1.

A note is made once and used often: whoever gets one must not write into it.
"""

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 44_100

Samples = NDArray[np.floating[Any]]


def hz(midi: float) -> float:
    """The frequency of a MIDI note number; 69 is A at 440 Hz."""
    return 440.0 * 2.0 ** ((midi - 69) / 12)


def seconds(length_s: float) -> Samples:
    """The time of each sample of `length_s`."""
    return np.arange(int(length_s * RATE_HZ), dtype=np.float32) / np.float32(RATE_HZ)


def faded(samples: Samples, attack_s: float, release_s: float) -> Samples:
    """`samples` with raised-cosine ends, so that nothing clicks."""
    count = samples.shape[-1]
    rise, fall = (min(count // 2, max(1, int(s * RATE_HZ))) for s in (attack_s, release_s))
    shape = np.ones(count, np.float32)
    shape[:rise] = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, rise, dtype=np.float32))
    shape[count - fall :] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fall, dtype=np.float32))
    return samples * shape


@cache
def electric_piano(midi: float, length_s: float, touch: float = 1.0) -> Samples:
    """A tine struck softly: two-operator FM whose brightness dies before the note does."""
    t = seconds(length_s)
    pitch = np.float32(2 * np.pi * hz(midi))
    body = np.sin(pitch * t + (1.1 * touch) * np.exp(-3.5 * t) * np.sin(pitch * t))
    tine = np.sin(pitch * t + 0.5 * np.exp(-9 * t) * np.sin(14 * pitch * t)) * np.exp(-6 * t)
    warble = 1 + 0.06 * np.sin(2 * np.pi * 4.3 * t)
    note = (0.8 * body * np.exp(-1.1 * t) + 0.25 * touch * tine) * warble
    return faded(note.astype(np.float32), 0.004, 0.12)


@cache
def bell(midi: float, length_s: float) -> Samples:
    """A glass bell: a few partials that are not quite harmonic, the higher the shorter."""
    t = seconds(length_s)
    pitch = 2 * np.pi * hz(midi)
    partials = ((1.0, 1.0, 1.6), (2.003, 0.45, 2.6), (3.01, 0.2, 4.0), (5.43, 0.12, 7.0))
    note = sum(level * np.sin(pitch * ratio * t) * np.exp(-decay * t) for ratio, level, decay in partials)
    return faded(np.asarray(0.6 * note, np.float32), 0.003, 0.1)


@cache
def stab(midi: float, length_s: float, brightness: float = 1.0) -> Samples:
    """A saw whose filter closes: every partial decays at a speed of its own. Two voices, a few cents apart, stereo."""
    t = seconds(length_s)
    sides: list[Samples] = []
    for cents in (-6.0, 6.0):
        pitch = hz(midi + cents / 100)
        closing = np.exp(-1.6 / brightness * t)
        turn = np.exp(2j * np.pi * pitch * t + 0.7j).astype(np.complex64) * closing
        partial = turn * np.exp(-2.5 * t)
        side = partial.imag.copy()
        for k in range(2, int(min(24, 9_000 // pitch)) + 1):
            partial = partial * turn
            side += partial.imag / np.float32(k)
        sides.append(side)
    return faded(0.55 * np.stack(sides), 0.004, 0.05)


def pad(midi: float, length_s: float, seed: int, *, darkness: float = 1.5, blur: float = 0.006) -> Samples:
    """A choir of the same note: each partial is a narrow band of noise (inverse Fourier transform), stereo."""
    count = int(length_s * RATE_HZ)
    size = fast_size(count)
    axis = np.fft.rfftfreq(size, 1 / RATE_HZ)
    spectrum = np.zeros(len(axis), np.complex64)
    pitch = hz(midi)
    for k in range(1, int(min(18, 7_000 // pitch)) + 1):
        width = pitch * k * blur + 0.4
        low, high = np.searchsorted(axis, (pitch * k - 4 * width, pitch * k + 4 * width))
        spectrum[low:high] += np.exp(-0.5 * ((axis[low:high] - pitch * k) / width) ** 2) / (k**darkness * width)
    random = np.random.default_rng(seed)
    (sounding,) = np.nonzero(spectrum)
    sides: list[Samples] = []
    for _ in range(2):
        turned = np.zeros_like(spectrum)
        phases = random.random(len(sounding), np.float32) * np.float32(2 * np.pi)
        turned[sounding] = spectrum[sounding] * np.exp(1j * phases)
        sides.append(np.fft.irfft(turned, size)[:count].astype(np.float32))
    both = np.stack(sides)
    return both / np.float32(3.2 * np.sqrt(np.mean(both**2)))


@cache
def bass(midi: float, length_s: float, drive: float = 1.6) -> Samples:
    """A round bass: sine and octave, driven until they growl a little."""
    t = seconds(length_s)
    pitch = 2 * np.pi * hz(midi)
    raw = (
        np.sin(pitch * t)
        + 0.35 * np.exp(-5 * t) * np.sin(2 * pitch * t)
        + 0.12 * np.exp(-9 * t) * np.sin(3 * pitch * t)
    )
    return faded((0.75 * np.tanh(drive * raw * np.exp(-0.9 * t)) / np.tanh(drive)).astype(np.float32), 0.006, 0.05)


@cache
def kick(depth_hz: float = 46.0, click: float = 0.35, length_s: float = 0.38) -> Samples:
    """A drum skin: a sine that falls to `depth_hz`."""
    t = seconds(length_s)
    pitch = depth_hz + 150 * np.exp(-38 * t) + 420 * click * np.exp(-240 * t)
    body = np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) * np.exp(-8.5 * t)
    return faded(np.tanh(1.5 * body).astype(np.float32), 0.001, 0.08)


@cache
def noise_stroke(seed: int, length_s: float, low_hz: float, high_hz: float, decay: float) -> Samples:
    """Noise between two frequencies that dies away: hats, shakers, brushes."""
    t = seconds(length_s)
    noise = banded(np.random.default_rng(seed).standard_normal(len(t)).astype(np.float32), low_hz, high_hz)
    stroke = noise * np.exp(-decay * t)
    return faded((0.9 * stroke / np.abs(stroke).max()).astype(np.float32), 0.0008, 0.02)


@cache
def snare(seed: int, tone_hz: float = 185.0) -> Samples:
    """A soft snare: a skin under brushed wires."""
    t = seconds(0.26)
    skin = np.sin(2 * np.pi * (tone_hz + 60 * np.exp(-50 * t)) * t) * np.exp(-22 * t)
    wires = noise_stroke(seed, 0.26, 900, 9_000, 17)
    return faded((0.5 * skin + 0.6 * wires).astype(np.float32), 0.001, 0.05)


@cache
def clap(seed: int) -> Samples:
    """Three hands and the room behind them."""
    whole = np.zeros(int(0.3 * RATE_HZ), np.float32)
    for n, (at_s, level) in enumerate(((0.0, 0.6), (0.011, 0.7), (0.023, 1.0))):
        hand = noise_stroke(seed + n, 0.26, 900, 7_500, 55 if n < 2 else 17) * np.float32(level)
        at = int(at_s * RATE_HZ)
        whole[at : at + len(hand)] += hand
    return 0.7 * whole


def banded(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """`samples` between two frequencies, each edge an octave wide and without ringing."""
    count = samples.shape[-1]
    size = fast_size(count)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 1e-3)).astype(np.float32)
    rise = 1 / (1 + np.exp(-6 * (octaves - np.log2(max(low_hz, 1e-2)))))
    fall = 1 / (1 + np.exp(6 * (octaves - np.log2(high_hz))))
    return np.fft.irfft(np.fft.rfft(samples, size) * (rise * fall), size)[..., :count].astype(np.float32)


def fast_size(count: int) -> int:
    """A length of at least `count` that Fourier transforms like: a prime one costs thirty times as much."""
    power = 1 << max(3, count - 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power * 7 // 8, power) if size >= count)
