"""What a backup holds. Pure."""

from pathlib import PurePosixPath
from typing import Final

import msgspec

MANIFEST: Final = "manifest.json"
"""The last file of an archive: without it the archive is not whole."""

DATABASES: Final = ("messages.sqlite3", "whatssound.sqlite3")
"""Copied in this order, so that nobody speaks in a room that the copy does not know."""

FILES: Final = ("secret", "whatssound.toml")
"""Copied as they are, where they exist."""

FOLDERS: Final = ("uploads", "blobs/covers")
"""Originals that people gave us, and covers, which would take reading every file again. Not the encoded audio."""


class Entry(msgspec.Struct, frozen=True):
    """One file of the archive."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What the archive holds and where it comes from. `root` is the data folder then: tracks name their files by it."""

    version: str
    schema: str
    root: str
    made_ms: int
    files: dict[str, Entry]


def belongs(name: str) -> bool:
    """Whether a file of this name may be in a backup; anything else, paths that lead out included, is refused."""
    path = PurePosixPath(name)
    if path.is_absolute() or str(path) != name or ".." in path.parts or "\\" in name or "\0" in name:
        return False
    if name in (*DATABASES, *FILES):
        return True
    return any(path.is_relative_to(folder) and path != PurePosixPath(folder) for folder in FOLDERS)
