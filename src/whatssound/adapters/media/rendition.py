"""One rendition: AAC in CMAF, cut into files at the track's grid while it is being encoded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from whatssound.audio.ladder import FRAME_SAMPLES, Grid
from whatssound.audio.playlist import INIT_NAME, segment_name

OnFile = Callable[[int, str, Path], None]
"""Told of `(kbps, name, file)` when a file is complete."""


class Rendition:
    """Takes samples, writes `init.mp4`, `0.m4s`, `1.m4s`, … into a folder.

    FFmpeg's muxer is told a fragment length of half a frame less than a segment, so that it cuts after exactly the
    grid's number of frames; `movie_timescale` and `delay_moov` keep the edit list exact to the sample.
    """

    def __init__(self, kbps: int, rate_hz: int, folder: Path, on_file: OnFile) -> None:
        self.kbps = kbps
        self._rate_hz = rate_hz
        self._cutter = _Cutter(kbps, folder, on_file)
        fragment_us = (Grid(1, rate_hz).frames_per_segment - 0.5) * FRAME_SAMPLES / rate_hz * 1_000_000
        options = {
            "movflags": "empty_moov+default_base_moof+delay_moov",
            "frag_duration": str(round(fragment_us)),
            "movie_timescale": str(rate_hz),
            "flush_packets": "1",
        }
        self._container: Any = av.open(self._cutter, "w", format="mp4", options=options)
        self._stream: Any = self._container.add_stream("aac", rate=rate_hz, layout="stereo")
        self._stream.bit_rate = kbps * 1000
        self._samples = 0

    def write(self, block: av.AudioFrame) -> None:
        """Encode a block, whose time is set; files that are complete are reported before this returns."""
        self._samples += block.samples
        self._container.mux(self._stream.encode(block))

    def finish(self) -> tuple[int, int, int]:
        """Write what is left; answers `(segments, peak bit/s, average bit/s)`."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        grid = Grid(self._samples, self._rate_hz)
        sizes = self._cutter.sizes
        if len(sizes) != grid.segments:
            raise RuntimeError(f"the muxer cut {len(sizes)} segments where the grid has {grid.segments}")
        rates = [size * 8 / grid.seconds_in(n) for n, size in enumerate(sizes) if grid.seconds_in(n) >= 1]
        average = sum(sizes) * 8 * self._rate_hz / self._samples
        return len(sizes), round(max(rates, default=average)), round(average)


class _Cutter:
    """What the muxer writes to: keeps whole MP4 boxes, and makes a file of each segment's."""

    def __init__(self, kbps: int, folder: Path, on_file: OnFile) -> None:
        self.sizes: list[int] = []
        self._kbps = kbps
        self._folder = folder
        self._on_file = on_file
        self._bytes = bytearray()
        self._parts: list[bytes] = []
        folder.mkdir()

    def write(self, data: bytes) -> int:
        self._bytes += data
        while (box := self._whole_box()) is not None:
            self._take(box)
        return len(data)

    def _whole_box(self) -> bytes | None:
        size = int.from_bytes(self._bytes[:4], "big")
        if len(self._bytes) < 8 or len(self._bytes) < size:
            return None
        box = bytes(self._bytes[:size])
        del self._bytes[:size]
        return box

    def _take(self, box: bytes) -> None:
        kind = box[4:8]
        if kind in (b"ftyp", b"moof"):
            self._parts.append(box)
        elif kind in (b"moov", b"mdat"):
            content = b"".join([*self._parts, box])
            self._parts.clear()
            if kind == b"moov":
                self._store(INIT_NAME, content)
            else:
                self._store(segment_name(len(self.sizes)), content)
                self.sizes.append(len(content))

    def _store(self, name: str, content: bytes) -> None:
        file = self._folder / name
        file.write_bytes(content)
        self._on_file(self._kbps, name, file)
