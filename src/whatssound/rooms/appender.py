"""Brings changed parts of rooms into the log, also when the log refuses for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from whatssound.bus.log import LogUnavailable, RoomLog
from whatssound.ids import RoomId
from whatssound.rooms.background import Background
from whatssound.rooms.room import Part
from whatssound.wire.errors import Refusal

FIRST_BACKOFF_S: Final = 0.05
LONGEST_BACKOFF_S: Final = 5.0


class Appender:
    """Appends parts in the order they changed; keeps the newest of each that the log did not take.

    Memory: one part of each name and room at most.
    """

    def __init__(
        self,
        log: RoomLog,
        encode: Callable[[Part], bytes],
        background: Background,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._encode = encode
        self._background = background
        self._sleep = sleep
        self._pending: dict[RoomId, dict[str, Part]] = {}

    def is_pending(self, room: RoomId) -> bool:
        """Whether something of `room` still waits for the log."""
        return room in self._pending

    @property
    def pending(self) -> int:
        """Rooms of which something waits for the log."""
        return len(self._pending)

    async def append(self, room: RoomId, parts: Sequence[Part]) -> None:
        """Append `parts`. Raises Refusal `unavailable` when they have to wait: they are not lost."""
        if not parts:
            return
        waiting = room in self._pending
        pending = self._pending.setdefault(room, {})
        for part in parts:
            # Popped first, so that a newer part stands behind what changed before it.
            pending.pop(part.name, None)
            pending[part.name] = part
        if waiting or not await self._flush(room):
            if not waiting:
                self._background.spawn(self._retry(room), name="append to the room log")
            raise Refusal("unavailable", "Done, but listeners will hear of it a little later.", retry_after_ms=1_000)

    async def _retry(self, room: RoomId) -> None:
        backoff_s = FIRST_BACKOFF_S
        while True:
            await self._sleep(backoff_s)
            if await self._flush(room):
                return
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def _flush(self, room: RoomId) -> bool:
        pending = self._pending[room]
        while pending:
            name, part = next(iter(pending.items()))
            try:
                await self._log.append(room, self._encode(part), key=f"{room}:{part.rev}:{name}")
            except LogUnavailable:
                return False
            if pending.get(name) is part:
                del pending[name]
        del self._pending[room]
        return True
