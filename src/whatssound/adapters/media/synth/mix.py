"""The desk: tracks that notes are put on, a room behind them, and the master that sets the level."""

from functools import cached_property
from typing import Final

import numpy as np

from whatssound.adapters.media.analysis import Loudness
from whatssound.adapters.media.source import frame_of
from whatssound.adapters.media.synth.instruments import RATE_HZ, Samples, banded, faded, fast_size

TARGET_LUFS: Final = -15.0
"""Between what streaming services aim at (−14) and what broadcast does: loud enough beside other people's music."""

CEILING: Final = 0.84
"""−1.5 dB: AAC overshoots a little when it decodes."""


class Desk:
    """A piece of `beats` beats at `bpm`, with `tail_s` to ring out. Every track is stereo and as long as the piece."""

    def __init__(self, bpm: float, beats: float, tail_s: float) -> None:
        self._beat_s = 60.0 / bpm
        self._count = int((beats * self._beat_s + tail_s) * RATE_HZ)
        self._tracks: dict[str, Samples] = {}

    def __getitem__(self, name: str) -> Samples:
        """The track `name`, silent at first."""
        if name not in self._tracks:
            self._tracks[name] = np.zeros((2, self._count), np.float32)
        return self._tracks[name]

    def seconds(self, beats: float) -> float:
        """How long `beats` last."""
        return beats * self._beat_s

    def put(self, name: str, beat: float, note: Samples, level: float = 1.0, pan: float = 0.0) -> None:
        """Put a note on a track at a beat; `pan` from −1 (left) to 1. What would ring past the end is cut."""
        at = max(0, int(beat * self._beat_s * RATE_HZ))
        stereo = np.broadcast_to(note, (2, note.shape[-1]))[:, : max(0, self._count - at)]
        angle = (pan + 1) * np.pi / 4
        sides = np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.float32(level * np.sqrt(2))
        self[name][:, at : at + stereo.shape[1]] += stereo * sides

    def duck(self, name: str, beats: list[float], depth: float, recovery_s: float = 0.24) -> None:
        """Side-chain: the track gives way to each of `beats` and comes back within `recovery_s`."""
        count = int(recovery_s * RATE_HZ)
        dip = 1 - depth * (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, count, dtype=np.float32)))
        track = self[name]
        for beat in beats:
            at = int(beat * self._beat_s * RATE_HZ)
            part = track[:, at : at + count]
            part *= dip[: part.shape[1]]

    def echo(self, name: str, beats: float, feedback: float, repeats: int = 4) -> None:
        """A ping-pong delay: each repeat softer, darker and on the other side."""
        step = int(beats * self._beat_s * RATE_HZ)
        dry = self[name].copy()
        wet = banded(dry, 250, 3_500)
        for n in range(1, repeats + 1):
            at = n * step
            if at >= self._count:
                return
            sides = np.array([[1.0], [0.35]] if n % 2 else [[0.35], [1.0]], np.float32) * feedback**n
            self[name][:, at:] += wet[:, : self._count - at] * sides.astype(np.float32)

    def master(self, levels: dict[str, float], room: "Room", sends: dict[str, float]) -> Samples:
        """All tracks at their levels, the room's answer to what is sent into it, at `TARGET_LUFS`, without clipping."""
        mix = np.zeros((2, self._count), np.float32)
        into_room = np.zeros((2, self._count), np.float32)
        for name, level in levels.items():
            mix += self[name] * np.float32(level)
            if name in sends:
                into_room += self[name] * np.float32(level * sends[name])
        mix += room.answer(into_room)
        mix = banded(mix, 22, 19_000)
        return faded(_levelled(mix), 0.005, 1.2)


class Room:
    """A reverb: noise that dies away in `decay_s`, duller as it does, different on both sides."""

    def __init__(self, decay_s: float, *, dull_hz: float = 6_000, seed: int = 5) -> None:
        self._decay_s = decay_s
        self._dull_hz = dull_hz
        self._seed = seed

    def answer(self, samples: Samples) -> Samples:
        """What the room gives back, by convolution."""
        response = self._response
        size = fast_size(samples.shape[1] + response.shape[1])
        heard = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
        return np.fft.irfft(heard, size)[:, : samples.shape[1]].astype(np.float32)

    @cached_property
    def _response(self) -> Samples:
        count = int(self._decay_s * RATE_HZ)
        t = np.arange(count, dtype=np.float32) / RATE_HZ
        noise = np.random.default_rng(self._seed).standard_normal((2, count)).astype(np.float32)
        bright, dull = banded(noise, 180, self._dull_hz), banded(noise, 180, self._dull_hz / 4)
        fade = np.exp(-6.9 * t / self._decay_s)
        early = np.exp(-9 * t / self._decay_s)
        response = (bright * early + dull * (1 - early)) * fade
        response[:, : int(0.012 * RATE_HZ)] = 0
        return (response / np.sqrt(np.sum(response**2) / 2)).astype(np.float32)


def _levelled(mix: Samples) -> Samples:
    """Brought to the target twice: what the limiter takes away is given back once."""
    for _ in range(2):
        meter = Loudness(RATE_HZ)
        for at in range(0, mix.shape[1], 1 << 16):
            meter.write(frame_of(np.ascontiguousarray(mix[:, at : at + (1 << 16)]), RATE_HZ, at))
        lufs = meter.finish()
        gain = 10 ** ((TARGET_LUFS - (TARGET_LUFS if lufs is None else lufs)) / 20)
        mix = limited(mix * np.float32(gain))
    return mix


def limited(mix: Samples) -> Samples:
    """`mix` turned down around whatever is above the ceiling: 2 ms steps, five ahead, five behind, smoothed."""
    step = RATE_HZ // 500
    blocks = -(-mix.shape[1] // step)
    padded = np.zeros((2, blocks * step), np.float32)
    padded[:, : mix.shape[1]] = np.abs(mix)
    loudest = padded.reshape(2, blocks, step).max(axis=(0, 2))
    wanted = np.minimum(1, CEILING / np.maximum(loudest, 1e-6))
    window = 5
    around = np.lib.stride_tricks.sliding_window_view(np.pad(wanted, 2 * window, mode="edge"), 2 * window + 1)
    smooth = np.convolve(around.min(axis=1), np.ones(2 * window + 1) / (2 * window + 1), "valid")
    centres: Samples = np.arange(blocks, dtype=np.float64) * step + step / 2
    places: Samples = np.arange(mix.shape[1], dtype=np.float64)
    gain = np.asarray(np.interp(places, centres, smooth), np.float32)
    return np.clip(mix * gain, -CEILING, CEILING)
