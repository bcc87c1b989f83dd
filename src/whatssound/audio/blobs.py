"""BlobStore: immutable bytes under a name, made once and served many times."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BlobFile:
    """A stored blob, ready to be sent. `etag` is quoted, as the header wants it."""

    path: Path
    size_bytes: int
    etag: str
    media_type: str = "application/octet-stream"


class BlobStore(Protocol):
    """Bytes by name. A name is 1 to 6 parts of `a-z 0-9 . _ -` joined by `/`, no part beginning with a dot.

    A blob is seen whole or not at all. Putting a name again replaces it at once; whoever reads the old one keeps it.
    A kill of any process leaves no half blob; blobs can be made again, so a power cut may lose the newest.
    Every method raises ValueError for a name outside that alphabet.
    """

    async def put(self, name: str, data: bytes) -> None:
        """Store `data`. Raises OSError when the disk refuses; then the name is as it was."""
        ...

    async def put_files(self, files: Mapping[str, Path]) -> None:
        """Store the bytes of each file under its name, in this order; the files are gone afterwards.

        Raises OSError as `put` does; those before the one that was refused are then stored.
        """
        ...

    async def find(self, name: str) -> BlobFile | None:
        """The stored blob, or None when there is none of that name."""
        ...

    async def read(self, name: str, *, limit_bytes: int) -> bytes | None:
        """The bytes, or None when there are none of that name. Raises ValueError above `limit_bytes`."""
        ...

    async def children(self, prefix: str = "") -> list[str]:
        """The first parts below `prefix` of every blob's name, in any order: `children("covers")`. May be long."""
        ...

    async def size(self, prefix: str) -> int:
        """The bytes of the blob of that name, or of all blobs below it; 0 when there are none."""
        ...

    async def remove(self, *prefixes: str) -> None:
        """Remove the blobs of those names and all below them; what is not there is no error.

        Each goes at once for those who look, also when the process is killed meanwhile; whoever reads one that is open
        keeps it. Raises OSError when the disk refuses.
        """
        ...

    async def tidy(self) -> None:
        """Free what a kill during `remove` left on the disk. To be called at the start."""
        ...
