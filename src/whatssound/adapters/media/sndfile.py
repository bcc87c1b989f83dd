"""Files that FFmpeg refuses and libsndfile reads: some Ogg Vorbis of 2010's libvorbis (HyperRogue ships three)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from whatssound.adapters.media.reasons import SILENT, Unreadable
from whatssound.adapters.media.source import Source, frame_of

READ_SAMPLES = 65_536


class SndfileSource:
    """A file as libsndfile decodes it: the first two channels."""

    def __init__(self, path: Path) -> None:
        self.damaged = 0
        self._file: Any = soundfile.SoundFile(str(path))
        self.rate_hz: int = self._file.samplerate

    def frames(self) -> Iterator[av.AudioFrame]:
        """See Source."""
        self._file.seek(0)
        while True:
            block: NDArray[np.float32] = self._file.read(READ_SAMPLES, dtype="float32", always_2d=True)
            if not block.size:
                return
            yield frame_of(np.ascontiguousarray(block.T[:2]), self.rate_hz)


def open_sndfile(path: Path) -> Source:
    """Raises Unreadable."""
    try:
        return SndfileSource(path)
    except soundfile.SoundFileError as error:
        raise Unreadable(SILENT) from error
