"""What a subscriber heard, waited for instead of slept for: a message may be on its way for a while."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 20.0
"""Longer than any wait here lasts on a busy machine; a test that waits this long has failed."""


class Heard(list[T], Generic[T]):
    """Everything that arrived, in order. Its `append` is the callback."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = asyncio.Event()

    def append(self, item: T) -> None:
        super().append(item)
        self._arrived.set()

    async def count(self, n: int) -> "Heard[T]":
        """Return once `n` items are here."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self) < n:
                self._arrived.clear()
                await self._arrived.wait()
        return self
