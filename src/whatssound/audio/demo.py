"""Three short pieces of our own, so that the first room plays within seconds."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final

from whatssound.audio.library import Library
from whatssound.audio.track import Track

PIECES: Final = ("porch-light", "balcony-at-noon", "tide-glass")
"""In the order in which the demo room plays them; each is a FLAC file of this name."""

Composer = Callable[[str, Path], Awaitable[Path]]
"""Makes the piece of that name in a folder. Raises EncodeFailed or OSError."""


class Demo:
    """Composes what is missing into `folder`, two or three CPU seconds a piece, and puts it into the library."""

    def __init__(self, library: Library, compose: Composer, folder: Path) -> None:
        self._library = library
        self._compose = compose
        self._folder = folder

    async def pieces(self) -> AsyncGenerator[Track]:
        """The three tracks, each as soon as it is in the library; those composed before come at once.

        Raises EncodeFailed or OSError when one cannot be made.
        """
        for name in PIECES:
            file = self._folder / f"{name}.flac"
            if not await asyncio.to_thread(file.exists):
                file = await self._compose(name, self._folder)
            yield await self._library.take(file.absolute(), "demo")
