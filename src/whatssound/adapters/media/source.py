"""Decoding: any file of music becomes blocks of stereo samples."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

import av
import numpy as np
from av.error import DecoderNotFoundError, FFmpegError, InvalidDataError
from numpy.typing import NDArray

from whatssound.adapters.media.claims import mp4_is_cut
from whatssound.adapters.media.reasons import NO_AUDIO, SILENT, Unreadable, by_first_bytes, no_decoder

Samples = NDArray[np.float32]
"""Shape (channels, samples), −1 to 1."""

BLOCK_MS = 360
"""What is handed on at once: few calls per second of music, each for a whole number of 10 ms."""

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,oma,tak,tta,voc,w64,wav,webm,wv,xwma"
)
"""Containers that are opened. Playlists and the like are not: a file must not make us open another one."""


class Source(Protocol):
    """An opened file. `rate_hz` is what its decoder really gives; `damaged` counts what it could not decode."""

    rate_hz: int
    damaged: int

    def frames(self) -> Iterator[av.AudioFrame]:
        """Every decoded frame, from the beginning."""
        ...


def open_container(path: Path) -> Any:
    """FFmpeg's view of the file. Raises FFmpegError."""
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def audio_stream(container: Any) -> Any:
    """The stream to play. Raises Unreadable."""
    if not container.streams.audio:
        raise Unreadable(NO_AUDIO if container.streams.video else SILENT)
    stream = container.streams.best("audio") or container.streams.audio[0]
    if stream.codec_context is None:
        raise Unreadable(no_decoder(""))
    return stream


class AvSource:
    """A file that FFmpeg reads. Packets that cannot be decoded are left out and counted in `damaged`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = 0
        with open_container(path) as container:
            first = next(self._decoded(container), None)
        if first is None:
            raise Unreadable(SILENT)
        self.rate_hz = first.sample_rate

    def frames(self) -> Iterator[av.AudioFrame]:
        """See Source."""
        self.damaged = 0
        with open_container(self._path) as container:
            yield from self._decoded(container)

    def _decoded(self, container: Any) -> Iterator[av.AudioFrame]:
        stream = audio_stream(container)
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except DecoderNotFoundError as error:
                raise Unreadable(no_decoder(stream.codec_context.name)) from error
            except InvalidDataError:
                self.damaged += 1


def open_source(path: Path) -> Source:
    """Opens whatever can be decoded. Raises Unreadable with the reason, OSError, MemoryError."""
    if reason := by_first_bytes(path):
        raise Unreadable(reason)
    try:
        return AvSource(path)
    except FFmpegError as error:
        with path.open("rb") as file:
            head = file.read(12)
        if head[:4] == b"OggS":
            # Loaded only for the few files that need it.
            from whatssound.adapters.media.sndfile import open_sndfile  # noqa: PLC0415

            return open_sndfile(path)
        if head[4:8] == b"ftyp" and mp4_is_cut(path):
            raise Unreadable("The file ends too early: nothing of it could be read.") from error
        raise Unreadable(SILENT) from error


def frame_of(samples: Samples, rate_hz: int, pts: int | None = None) -> av.AudioFrame:
    """FFmpeg's frame over a copy of `samples` (one or two channels)."""
    layout = "mono" if len(samples) == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate = rate_hz
    frame.pts = pts
    return frame


def samples_of(frame: av.AudioFrame) -> Samples:
    """A copy of the frame's samples."""
    return cast("Samples", frame.to_ndarray())


def channels_of(frame: av.AudioFrame) -> list[NDArray[np.float32]]:
    """The frame's channels as they lie in its memory; to be read only while the frame lives."""
    return [np.frombuffer(plane, np.float32, frame.samples) for plane in frame.planes]  # pyright: ignore


def stereo_blocks(frames: Iterator[av.AudioFrame], rate_hz: int) -> Generator[av.AudioFrame]:
    """`frames` as stereo floats at `rate_hz`, in blocks of `BLOCK_MS`. Mono is heard equally on both sides.

    A file may change its format midway (chained streams): then the converter is flushed and made anew. Blocks stay
    FFmpeg's own frames, so that encoders take them without another copy.
    """
    resampler: av.AudioResampler | None = None
    shape: tuple[str, str, int] | None = None
    for frame in frames:
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != shape:
            if resampler is not None:
                yield from map(_stereo, resampler.resample(None))
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            block = BLOCK_MS * rate_hz // 1000
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz, frame_size=block)
            shape = now
        frame.pts = None
        assert resampler is not None
        yield from map(_stereo, resampler.resample(frame))
    if resampler is not None:
        yield from map(_stereo, resampler.resample(None))


def _stereo(frame: av.AudioFrame) -> av.AudioFrame:
    if frame.layout.nb_channels == 2:
        return frame
    return frame_of(np.repeat(samples_of(frame), 2, axis=0), frame.sample_rate)
