"""What a file says about itself, read without decoding it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from whatssound.audio.folder import Listed, Unreadable

READER_VERSION: Final = 1
"""Grows when more is read than before: tracks read by an older version are read again at the next scan."""

MAX_ASKED: Final = 100
"""Files that may be asked for at once."""


@dataclass(frozen=True, slots=True)
class CoverMark:
    """An image without its bytes: the hex SHA-256 of them, and `jpg`, `png`, `webp` or `gif`."""

    sha256: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Tags:
    """Empty where the file says nothing. `cover` is the embedded image, or the one beside the file.

    `sound` is the same for two files exactly when they hold the same encoded music, whatever their tags.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    duration_ms: int = 0
    cover: CoverMark | None = None
    sound: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A file whose tags are wanted; `beside` is the image next to it, if there is one."""

    path: str
    beside: str | None = None


class FolderReader(Protocol):
    """Reads folders of music and the files in them, off the event loop; writes nothing.

    A folder that stops answering is a TimeoutError, not a wait for ever.
    """

    width: int
    """So many calls of `tags` are worth making side by side."""

    def walk(self, folder: str) -> AsyncGenerator[Listed]:
        """Everything below `folder`, in parts as it is found. Raises OSError when it cannot be listed."""
        ...

    async def tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        """The tags of at most `MAX_ASKED` files, in this order. A file that makes no sense has none."""
        ...

    async def cover(self, asked: Asked) -> bytes | None:
        """The image that `Tags.cover` marks, unless it is gone meanwhile."""
        ...

    async def present(self, paths: Sequence[str]) -> set[str]:
        """Those of at most `MAX_ASKED` paths where something is."""
        ...
