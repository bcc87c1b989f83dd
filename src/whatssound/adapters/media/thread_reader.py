"""FolderReader in threads of this process: for a few files at a time, and for tests."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from whatssound.adapters.media.reading import present_of, tags_of
from whatssound.adapters.media.tags import read_cover
from whatssound.audio.folder import Listed, Unreadable, walk
from whatssound.audio.tags import Asked, Tags


class ThreadReader:
    """See FolderReader."""

    width = 2

    async def walk(self, folder: str) -> AsyncGenerator[Listed]:
        """See FolderReader."""
        for part in await asyncio.to_thread(lambda: list(walk(folder))):
            yield part

    async def tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        """See FolderReader."""
        return await asyncio.to_thread(lambda: [tags_of(file) for file in asked])

    async def cover(self, asked: Asked) -> bytes | None:
        """See FolderReader."""
        return await asyncio.to_thread(read_cover, asked)

    async def present(self, paths: Sequence[str]) -> set[str]:
        """See FolderReader."""
        return await asyncio.to_thread(present_of, paths)
