"""One Ogg Vorbis file of a whole track, for people to keep. FFmpeg's wheels carry no libvorbis; libsndfile does."""

from pathlib import Path
from typing import Any, Final

import soundfile  # pyright: ignore[reportMissingTypeStubs]
from mutagen.oggvorbis import OggVorbis

from whatssound.adapters.media.source import Samples

_COMPRESSION: Final = 0.5
"""libsndfile's spelling of Vorbis quality 5 (1 less the tenth of it), which aims at 160 kb/s."""


class OggFile:
    """Takes samples, writes `file`: exactly as long as what was given, with its tags."""

    def __init__(self, file: Path, rate_hz: int, tags: dict[str, str | None]) -> None:
        self._file = file
        self._tags = tags
        self._writer: Any = soundfile.SoundFile(
            str(file), "w", rate_hz, 2, subtype="VORBIS", format="OGG", compression_level=_COMPRESSION
        )

    def write(self, samples: Samples) -> None:
        """Encode a block."""
        self._writer.write(samples.T)

    def finish(self) -> Path:
        """Write what is left and the tags; the file."""
        self._writer.close()
        tagged: Any = OggVorbis(str(self._file))
        for name, text in self._tags.items():
            if text:
                tagged[name] = text
        tagged.save()
        return self._file
