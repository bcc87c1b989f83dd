"""Music for tests, made when it is needed."""

import wave
from pathlib import Path

import numpy as np

RATE_HZ = 44_100


def make_wav(path: Path, *, seconds: float, pitch_hz: float = 220.0, rate_hz: int = RATE_HZ) -> Path:
    """A stereo WAV of a soft, slowly pulsing chord on `pitch_hz`; exactly `round(seconds * rate_hz)` samples."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    chord = sum(np.sin(2 * np.pi * pitch_hz * ratio * t) for ratio in (1.0, 1.25, 1.5))
    pulse = 0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * t)
    left = 0.2 * chord * pulse
    right = 0.2 * chord * pulse[::-1]
    samples = (np.stack([left, right], axis=1) * 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path
