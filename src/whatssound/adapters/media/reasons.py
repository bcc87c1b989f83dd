"""Why a file cannot be played, in sentences for the person who owns it."""

import errno
from pathlib import Path

EMPTY = "This file is empty."
PICTURE = "This is a picture, not music."
SILENT = "This file holds no audio that we can read."
NO_AUDIO = "This is a video or data without sound."
GONE = "The file is no longer there."
CLOSED = "We are not allowed to read this file."
DISK_FULL = "The server's disk is full."
TOO_LARGE = "The encoded music would be larger than one track may be."
MEMORY = "This file needs more memory than one track may use."
CPU = "This file takes longer to decode than one track may."
CRASHED = "The decoder crashed on this file."
STUCK = "Nothing could be read from this file for two minutes."


class Unreadable(Exception):
    """This file cannot be played; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def too_early(read_s: float, claimed_s: float | None = None) -> str:
    """A file whose end is missing."""
    whole = "" if claimed_s is None else f" of {_spoken(claimed_s)}"
    return f"The file ends too early: only {_spoken(read_s)}{whole} could be read."


def damaged(read_s: float, claimed_s: float) -> str:
    """A file with parts that no decoder understands."""
    return f"This file is damaged: only {_spoken(read_s)} of {_spoken(claimed_s)} could be read."


def no_decoder(codec: str) -> str:
    """A codec that this server has no decoder for."""
    return f"This server has no decoder for {codec or 'this kind of audio'}."


def of_os_error(error: OSError) -> str:
    """What the operating system refused."""
    known = {
        errno.ENOENT: GONE,
        errno.ENOTDIR: GONE,
        errno.EACCES: CLOSED,
        errno.EPERM: CLOSED,
        errno.ENOSPC: DISK_FULL,
        errno.EDQUOT: DISK_FULL,
        errno.EFBIG: TOO_LARGE,
        errno.ENOMEM: MEMORY,
    }
    return known.get(error.errno or 0, "The server could not read or write this file.")


def by_first_bytes(path: Path) -> str | None:
    """EMPTY or PICTURE when the first bytes say so. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        return EMPTY
    pictures = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    is_avif = head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"heic", b"mif1", b"heix")
    return PICTURE if head.startswith(pictures) or is_webp or is_avif else None


def _spoken(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s"
