"""Tags and covers by mutagen."""

import base64
import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import mutagen
from mutagen.flac import Picture

from whatssound.adapters.media.sound import sound_of
from whatssound.audio.covers import MAX_COVER_BYTES, suffix_of
from whatssound.audio.tags import Asked, CoverMark, Tags

MAX_TEXT: Final = 300
"""Characters of a title, artist or album that are kept."""

_open: Any = mutagen.File  # pyright: ignore
"""Untyped: mutagen's own annotations are partial."""

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "title": ("title", "TIT2", "\xa9nam", "Title"),
    "artist": ("artist", "TPE1", "\xa9ART", "Author", "Artist"),
    "album": ("album", "TALB", "\xa9alb", "WM/AlbumTitle", "Album"),
    "album_artist": ("albumartist", "album artist", "TPE2", "aART", "WM/AlbumArtist", "Album Artist"),
    "track": ("tracknumber", "TRCK", "trkn", "WM/TrackNumber", "Track"),
    "disc": ("discnumber", "TPOS", "disk", "WM/PartOfSet", "Disc"),
    "date": ("date", "year", "TDRC", "TDOR", "\xa9day", "WM/Year", "Year"),
}
"""What Vorbis comments, ID3, MP4, ASF and APE call the same thing."""


def read_tags(asked: Asked) -> Tags:
    """The tags of one file; none for one that makes no sense. Blocking. Raises OSError when it cannot be read."""
    path = Path(asked.path)
    if path.stat().st_size == 0:
        return Tags()
    file = _opened(path)
    if file is None:
        return Tags(cover=_marked(_image_beside(asked)))
    length = getattr(file.info, "length", 0) or 0
    return Tags(
        title=_text(file, "title"),
        artist=_text(file, "artist"),
        album=_text(file, "album"),
        album_artist=_text(file, "album_artist"),
        track_number=_number(file, "track"),
        disc_number=_number(file, "disc"),
        year=_year(_text(file, "date")),
        duration_ms=max(0, round(length * 1000)),
        cover=_marked(_embedded(file) or _image_beside(asked)),
        sound=sound_of(path, file.info),
    )


def read_cover(asked: Asked) -> bytes | None:
    """The image that `read_tags` marked. Blocking."""
    try:
        file = _opened(Path(asked.path))
    except OSError:
        return None
    return (_embedded(file) if file is not None else None) or _image_beside(asked)


def _opened(path: Path) -> Any:
    """None for what mutagen does not understand. A parser of other people's files may raise anything."""
    try:
        return _open(path)
    except OSError:
        raise
    except Exception:
        # mutagen wraps an OSError in its own error: ask again, so that a closed file is reported as one.
        with path.open("rb"):
            return None


def _values(file: Any, name: str) -> list[Any]:
    for key in _NAMES[name]:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found: Any = file.tags[key]
            values: Any = getattr(found, "text", found)
            return cast("list[Any]", values) if isinstance(values, list) else [values]
    return []


def _text(file: Any, name: str) -> str | None:
    raw = ", ".join(str(value) for value in _values(file, name))
    visible = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in raw)
    return " ".join(visible.split())[:MAX_TEXT] or None


def _number(file: Any, name: str) -> int | None:
    """The 3 of `3/12`, `03` or MP4's `(3, 12)`; None for nothing sensible."""
    for value in _values(file, name):
        first = str(value[0]) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType]
        matched = re.match(r"\s*0*(\d{1,4})\s*(?:/|$)", first)
        return int(matched[1]) or None if matched else None
    return None


def _year(date: str | None) -> int | None:
    matched = re.search(r"\b(1\d{3}|2\d{3})(?=\b|\d{4}\b)", date or "")
    return int(matched[1]) if matched else None


def _embedded(file: Any) -> bytes | None:
    with contextlib.suppress(Exception):  # a broken picture is no picture
        for image in _images(file):
            if image and len(image) <= MAX_COVER_BYTES:
                return bytes(image)
    return None


def _images(file: Any) -> list[bytes]:
    pictures: list[bytes] = [picture.data for picture in getattr(file, "pictures", [])]
    tags = file.tags
    if tags is None:
        return pictures
    if hasattr(tags, "getall"):
        pictures += [frame.data for frame in tags.getall("APIC")]
        return pictures
    readers: tuple[tuple[str, Callable[[Any], bytes]], ...] = (("covr", bytes), ("metadata_block_picture", _picture))
    for key, read in readers:
        with contextlib.suppress(KeyError, ValueError):
            pictures += [read(value) for value in tags[key]]
    return pictures


def _picture(block: str) -> bytes:
    picture: Any = Picture(base64.b64decode(block))
    return picture.data


def _image_beside(asked: Asked) -> bytes | None:
    with contextlib.suppress(OSError):
        if asked.beside is not None and Path(asked.beside).stat().st_size <= MAX_COVER_BYTES:
            return Path(asked.beside).read_bytes()
    return None


def _marked(image: bytes | None) -> CoverMark | None:
    suffix = suffix_of(image) if image else None
    return CoverMark(hashlib.sha256(image).hexdigest(), suffix) if image and suffix else None
