"""A folder of really tagged music for tests, made once a session and linked from there."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutagen.flac import FLAC
from mutagen.id3 import ID3, TALB, TDRC, TIT2, TPE1, TPE2, TPOS, TRCK
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from music import make_wav

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPG = b"\xff\xd8\xff\xe0" + b"\0" * 100
FORMATS = ("flac", "mp3", "ogg", "opus", "m4a")


@dataclass(frozen=True)
class Music:
    """Makes files of music: each pitch is other music. `stock` keeps one of each format and pitch."""

    ffmpeg: Path
    stock: Path
    made: dict[tuple[str, float], Path] = field(default_factory=dict[tuple[str, float], Path])

    def file(self, target: Path, *, pitch_hz: float = 220.0, **tags: Any) -> Path:
        """A file at `target` in the format of its ending; untagged without `tags`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._untagged(target.suffix[1:], pitch_hz), target)
        if tags:
            retag(target, **tags)
        return target

    def _untagged(self, suffix: str, pitch_hz: float) -> Path:
        key = (suffix, pitch_hz)
        if key not in self.made:
            wav = make_wav(self.stock / f"{pitch_hz}.wav", seconds=2.0, pitch_hz=pitch_hz)
            self.made[key] = self.stock / f"{pitch_hz}.{suffix}"
            command = ["ffmpeg", "-v", "error", "-y", "-i", str(wav), "-map_metadata", "-1", str(self.made[key])]
            assert os.spawnv(os.P_WAIT, self.ffmpeg, command) == 0
        return self.made[key]


def retag(file: Path, **tags: Any) -> None:
    """Write title, artist, album, albumartist, tracknumber, discnumber, date into a file of any format."""
    match file.suffix:
        case ".mp3":
            _id3(file, tags)
        case ".m4a":
            _mp4(file, tags)
        case suffix:
            opened = {".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus}[suffix](file)
            for name, value in tags.items():
                opened[name] = str(value)
            opened.save()


def _id3(file: Path, tags: dict[str, Any]) -> None:
    frames = {"title": TIT2, "artist": TPE1, "album": TALB, "albumartist": TPE2}
    frames |= {"tracknumber": TRCK, "discnumber": TPOS, "date": TDRC}
    written = ID3()
    for name, value in tags.items():
        written.add(frames[name](encoding=3, text=str(value)))
    written.save(file)


def _mp4(file: Path, tags: dict[str, Any]) -> None:
    atoms = {"title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "albumartist": "aART", "date": "\xa9day"}
    opened = MP4(file)
    for name, value in tags.items():
        if name in ("tracknumber", "discnumber"):
            number, _, of = str(value).partition("/")
            opened[{"tracknumber": "trkn", "discnumber": "disk"}[name]] = [(int(number), int(of or 0))]
        else:
            opened[atoms[name]] = [str(value)]
    opened.save()


def untouched(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Everything in a folder as it is: names, bytes, sizes, times of change, modes."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_size if path.is_file() else 0,
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in [folder, *folder.rglob("*")]
    }


def move(source: Path, target: Path) -> Path:
    """Move a file or folder; where it is now."""
    return source.rename(target)


def empty(folder: Path) -> Path:
    """A new, empty folder."""
    folder.mkdir()
    return folder
