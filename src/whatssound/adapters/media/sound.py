"""What music a file holds, whatever its tags say: a short name of its encoded sound, from one or two small reads."""

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

READ_BYTES: Final = 16 * 1024
FURTHER: Final = 256 * 1024
"""Where the second read begins: past the silence that many songs begin with, and the same in all of them."""

MAX_ATOMS: Final = 100
OGG_TAIL: Final = 64 * 1024
"""An Ogg page has at most 64 KB; music has 4 KB pages."""


def sound_of(path: Path, info: Any) -> str | None:
    """A name that two files share when they hold the same encoded music; None where we cannot tell.

    `info` is mutagen's. Retagging never changes it: the reads keep clear of where formats keep tags. Raises OSError.
    """
    if md5 := getattr(info, "md5_signature", 0):
        return f"flac-{md5:032x}"
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"OggS":
            return _named("ogg", _ogg(file))
        begin = _MUSIC.get(head[4:8], _after_id3)(file)
        if begin is None or head[:4] in (b"RIFF", b"FORM"):
            return None
        return _named("raw", _excerpts(file, begin))


def _named(kind: str, parts: Iterator[bytes]) -> str | None:
    digest, any_part = hashlib.blake2b(digest_size=20), False
    for part in parts:
        digest.update(part)
        any_part = any_part or bool(part)
    return f"{kind}-{digest.hexdigest()}" if any_part else None


def _excerpts(file: IO[bytes], begin: int) -> Iterator[bytes]:
    """Whole reads only: what lies at a file's end may be tags."""
    size = os.fstat(file.fileno()).st_size
    for offset in (begin, begin + FURTHER):
        if offset + READ_BYTES <= size:
            file.seek(offset)
            yield file.read(READ_BYTES)


def _after_id3(file: IO[bytes]) -> int:
    """Where the music begins behind any number of ID3 tags."""
    offset = 0
    while True:
        file.seek(offset)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return offset
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        offset += 10 + size + (10 if head[5] & 0x10 else 0)


def _media_data(file: IO[bytes]) -> int | None:
    """Where MP4 keeps its music."""
    offset = 0
    for _ in range(MAX_ATOMS):
        file.seek(offset)
        head = file.read(16)
        if len(head) < 8:
            return None
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack(">Q", head[8:])[0], 16
        if kind == b"mdat":
            return offset + header
        if size < header:
            return None
        offset += size
    return None


def _ogg(file: IO[bytes]) -> Iterator[bytes]:
    """The stream's number and what its last pages hold: their own numbers change when tags grow."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - OGG_TAIL))
    data = file.read(OGG_TAIL)
    place, pages = data.rfind(b"OggS"), 0
    while place >= 0 and pages < 3 and len(data) >= place + 27:
        segments = data[place + 26]
        body = place + 27 + segments
        length = sum(data[place + 27 : body])
        if any(data[place + 6 : place + 14]):  # a page of music: those of the headers, tags among them, stand at 0
            yield data[place + 6 : place + 18] + data[body : body + length]
        pages += 1
        place = data.rfind(b"OggS", 0, place)


_MUSIC: Final[dict[bytes, Callable[[IO[bytes]], int | None]]] = {b"ftyp": _media_data}
"""Where the music begins, by what stands in the file's second four bytes."""
