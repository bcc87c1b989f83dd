"""Tags and covers by mutagen."""

import base64
import contextlib
import unicodedata
from pathlib import Path
from typing import Any, Final

import mutagen
from mutagen.flac import Picture

from whatssound.audio.covers import MAX_COVER_BYTES
from whatssound.audio.tags import Tags

MAX_TEXT: Final = 300
"""Characters of a title, artist or album that are kept."""

_open: Any = mutagen.File  # pyright: ignore
"""Untyped: mutagen's own annotations are partial."""

_BESIDE: Final = ("cover", "folder", "front")
_IMAGES: Final = (".jpg", ".jpeg", ".png", ".webp")


def read_tags(path: Path) -> Tags:
    """See `audio.tags.TagReader`."""
    if path.stat().st_size == 0:
        return Tags()
    file = _opened(path, easy=True)
    if file is None:
        return Tags(cover=_cover_beside(path))
    length = getattr(file.info, "length", 0) or 0
    return Tags(
        title=_text(file, "title"),
        artist=_text(file, "artist"),
        album=_text(file, "album"),
        duration_ms=max(0, round(length * 1000)),
        cover=_embedded_cover(path) or _cover_beside(path),
    )


def _opened(path: Path, *, easy: bool) -> Any:
    """None for what mutagen does not understand. A parser of other people's files may raise anything."""
    try:
        return _open(path, easy=easy)
    except OSError:
        raise
    except Exception:
        # mutagen wraps an OSError in its own error: ask again, so that a closed file is reported as one.
        with path.open("rb"):
            return None


def _text(file: Any, name: str) -> str | None:
    try:
        values: Any = file.get(name) or []
        raw = values if isinstance(values, str) else ", ".join(map(str, values))
    except (ValueError, KeyError, TypeError):
        return None
    visible = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in raw)
    return " ".join(visible.split())[:MAX_TEXT] or None


def _embedded_cover(path: Path) -> bytes | None:
    file = _opened(path, easy=False)
    if file is None:
        return None
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
    with contextlib.suppress(KeyError, ValueError):
        pictures += [bytes(cover) for cover in tags["covr"]]
    with contextlib.suppress(KeyError, ValueError):
        pictures += [_picture(block) for block in tags["metadata_block_picture"]]
    return pictures


def _picture(block: str) -> bytes:
    picture: Any = Picture(base64.b64decode(block))
    return picture.data


def _cover_beside(path: Path) -> bytes | None:
    """`cover.jpg` and the like in the same folder, whatever the case."""
    with contextlib.suppress(OSError):
        for file in sorted(path.parent.iterdir()):
            named = file.stem.casefold() in _BESIDE and file.suffix.casefold() in _IMAGES
            if named and file.stat().st_size <= MAX_COVER_BYTES:
                return file.read_bytes()
    return None
