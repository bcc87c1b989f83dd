"""How much music a file claims to hold, read from its own headers: what is missing behind that was cut off.

FFmpeg reads a cut file as a shorter one without a word; these few bytes tell the difference.
"""

import struct
from pathlib import Path

_OPEN_ENDED = 0xFFFF_FF00
"""RIFF sizes from here on mean that the writer did not know (a pipe)."""


def is_cut(path: Path, format_name: str) -> bool:
    """Whether the file ends before a part that it has begun (WAV, MP4, Ogg). Raises OSError."""
    if format_name == "wav":
        return _wav_is_cut(path)
    if format_name.startswith("mov"):
        return mp4_is_cut(path)
    return format_name == "ogg" and _ogg_is_cut(path)


def counts_its_frames(path: Path) -> bool:
    """Whether an MP3 begins with a frame that says how many follow (Xing, Info or VBRI)."""
    with path.open("rb") as file:
        head = file.read(10)
        start = 0
        if head[:3] == b"ID3" and len(head) == 10:
            start = 10 + sum((head[6 + i] & 0x7F) << (21 - 7 * i) for i in range(4))
        file.seek(start)
        first = file.read(4096)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _wav_is_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return False
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                return length < _OPEN_ENDED and at + 8 + length > size
            at += 8 + length + length % 2
    return False


def mp4_is_cut(path: Path) -> bool:
    """Whether the last top-level box runs past the end of the file."""
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            (length,) = struct.unpack(">I", head[:4])
            if length == 1 and len(head) == 16:
                (length,) = struct.unpack(">Q", head[8:])
            if length == 0:
                return False
            if length < 8:
                return False
            at += length
    return at > size


def _ogg_is_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = max(0, size - 70_000)
        file.seek(begin)
        tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27:
        return page >= 0
    segments = tail[page + 27 : page + 27 + tail[page + 26]]
    ended = bool(tail[page + 5] & 4)
    whole = len(segments) == tail[page + 26] and page + 27 + len(segments) + sum(segments) <= len(tail)
    return not (whole or ended)
