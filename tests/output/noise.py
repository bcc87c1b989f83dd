"""Sound that is made for measuring: it never repeats, so where two copies meet is never in doubt."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 44_100
LOUDNESS = 0.15
"""Root mean square; peaks of noise stay below full scale at this."""


def pink_noise(seconds: float, *, seed: int, rate_hz: int = RATE_HZ) -> NDArray[np.float64]:
    """Noise with equal energy in every octave from 40 Hz on: codecs keep it, and low notes bear a wrong rate."""
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    pitch_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum *= np.where(pitch_hz < 40, 0, 1 / np.sqrt(np.maximum(pitch_hz, 40)))
    noise = np.fft.irfft(spectrum, count)
    return np.clip(noise * LOUDNESS / np.sqrt(np.mean(noise**2)), -0.99, 0.99)


def write_wav(path: Path, *channels: NDArray[np.float64], rate_hz: int = RATE_HZ) -> Path:
    """A WAV file of these channels."""
    samples = (np.stack(channels, axis=1) * 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def noise_wav(path: Path, *, seconds: float, seed: int) -> Path:
    """A stereo file with the same noise on both sides."""
    noise = pink_noise(seconds, seed=seed)
    return write_wav(path, noise, noise)
