"""A bounded number of queries per room, so that one popular room cannot starve the others."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from whatssound.ids import RoomId
from whatssound.wire.errors import Refusal

RUNNING = 8
"""Queries of one room at the store at once."""

WAITING = 64
"""Queries of one room that may wait; at 0.1 ms a page the last one waits 1 ms, on a slow store 1 s."""


@dataclass(slots=True)
class _Turnstile:
    free: asyncio.Semaphore
    inside: int = field(default=0)


class Gate:
    """Lets 8 queries of a room through at a time and 64 wait; the next is refused as `overloaded`."""

    def __init__(self, *, running: int = RUNNING, waiting: int = WAITING) -> None:
        self._running = running
        self._limit = running + waiting
        self._rooms: dict[RoomId, _Turnstile] = {}
        self.refused = 0

    @asynccontextmanager
    async def query(self, room: RoomId) -> AsyncGenerator[None]:
        """Run one query of `room`. Raises Refusal `overloaded` at once when too many wait."""
        turnstile = self._rooms.setdefault(room, _Turnstile(asyncio.Semaphore(self._running)))
        if turnstile.inside >= self._limit:
            self.refused += 1
            raise Refusal("overloaded", "Too many are reading this chat; try again.", retry_after_ms=500)
        turnstile.inside += 1
        try:
            async with turnstile.free:
                yield
        finally:
            turnstile.inside -= 1
            if turnstile.inside == 0:
                del self._rooms[room]
