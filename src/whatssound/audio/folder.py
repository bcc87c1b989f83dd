"""Walking a folder of music, without touching it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset(
    f".{suffix}"
    for suffix in (
        *("mp3", "flac", "ogg", "oga", "opus", "m4a", "m4b", "mp4", "aac", "wav", "wave", "aif", "aiff", "aifc"),
        *("wma", "ape", "wv", "mpc", "tta", "tak", "caf", "mka", "webm", "dsf", "ac3", "au"),
    )
)
"""What counts as music by its name; anything else in a folder of music is left alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of music, as the folder lists it."""

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that is skipped, and why."""

    path: str
    why: str


def walk(folder: Path) -> Iterator[Found | Unreadable]:
    """Everything below `folder`, in the order of names; blocking. Links are followed, each folder entered once."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            yield Unreadable(_shown(current), why(error))
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            found = _looked_at(Path(entry.path))
            if isinstance(found, Path):
                folders.append(found)
            elif found is not None:
                yield found
        waiting += reversed(folders)


def why(error: OSError) -> str:
    """What the operating system refused, in words."""
    if isinstance(error, PermissionError):
        return "we are not allowed to read it"
    if isinstance(error, FileNotFoundError):
        return "it is not there (any more)"
    return (error.strerror or "it cannot be read").lower()


def _looked_at(path: Path) -> Found | Unreadable | Path | None:
    """A folder comes back as its path."""
    try:
        status = path.stat()
    except OSError as error:
        return Unreadable(_shown(path), why(error)) if path.suffix.lower() in SUFFIXES else None
    if stat.S_ISDIR(status.st_mode):
        return path
    if not stat.S_ISREG(status.st_mode) or path.suffix.lower() not in SUFFIXES:
        return None
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return Unreadable(_shown(path), "its name is not UTF-8")
    return Found(path, status.st_size, status.st_mtime_ns)


def _shown(path: Path) -> str:
    return str(path).encode(errors="replace").decode()
