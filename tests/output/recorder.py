"""Records what a sound card plays, and knows when each sample was heard."""

import fcntl
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from output.priority import urgent
from output.sound_card import RATE_HZ, SoundCard

LATENCY_MS = 20
"""Asked of the card: every stream then goes through it in small steps, as on real hardware."""


PIPE_BYTES = 1 << 20
"""Three seconds: a busy machine may let the reader wait."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples of all channels (-1 … 1), and the Unix time in ms at which the first was heard, to about 20 ms."""

    samples: NDArray[np.float32]
    started_ms: float
    lost_ms: float
    """By how much the recording fell behind the clock: sound that the recorder missed."""

    def channel(self, number: int) -> NDArray[np.float64]:
        """One channel's samples."""
        return self.samples[:, number].astype(np.float64)

    def at_ms(self, at_s: float) -> float:
        """The Unix time of a moment in the recording."""
        return self.started_ms + at_s * 1_000


class Recorder:
    """Records from entry to exit; then `recording()` has it."""

    def __init__(self, card: SoundCard) -> None:
        self._card = card
        self._chunks: list[bytes] = []
        self._lateness_s: list[float] = []
        self._bytes = 0
        self._first = threading.Event()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["parec", "--raw", "--format=s16le", "--no-remix", "--no-remap", *self._options()],
            env=self._card.environment(),
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdout is not None
        fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        urgent(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._first.wait(10):
            raise RuntimeError("nothing is recorded")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def recording(self) -> Recording:
        """Everything from entry to exit."""
        frame = 2 * self._card.inputs
        raw = b"".join(self._chunks)
        whole = np.frombuffer(raw[: len(raw) // frame * frame], dtype="<i2")
        samples = (whole.reshape(-1, self._card.inputs) / 32_768).astype(np.float32)
        earliest = min(self._lateness_s)
        last = min(self._lateness_s[-100:])
        return Recording(samples, earliest * 1_000, (last - earliest) * 1_000)

    def _options(self) -> list[str]:
        device, channels = self._card.recorded, self._card.inputs
        return [f"--device={device}", f"--channels={channels}", f"--rate={RATE_HZ}", f"--latency-msec={LATENCY_MS}"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        second = 2 * self._card.inputs * RATE_HZ
        while chunk := self._process.stdout.read(65_536):
            self._chunks.append(chunk)
            self._bytes += len(chunk)
            # The chunk that came with the least delay tells best when the first sample was heard.
            self._lateness_s.append(time.time() - self._bytes / second)
            self._first.set()
