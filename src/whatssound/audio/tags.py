"""What a file says about itself, read without decoding it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tags:
    """Empty where the file says nothing. `cover` is the embedded image, or the one beside the file."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_ms: int = 0
    cover: bytes | None = None


TagReader = Callable[[Path], Tags]
"""Reads the tags of a file; blocking. A file whose tags cannot be understood has none. Raises OSError when it cannot
be read at all."""
