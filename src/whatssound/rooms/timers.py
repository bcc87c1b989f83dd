"""One alarm clock for all rooms: which of them is due, and when the next one is."""

import asyncio
import heapq
from collections.abc import Callable
from typing import Final

from whatssound.ids import RoomId

LONGEST_SLEEP_S: Final = 60.0


class Timers:
    """At most one alarm a room; arming again replaces it.

    `due` is for whoever owns the clock; `run` calls it in time until it is cancelled.
    """

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._armed: dict[RoomId, float] = {}
        self._heap: list[tuple[float, RoomId]] = []
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, room: RoomId, at_ms: float | None) -> None:
        """Ring for `room` at `at_ms`, or not at all."""
        if self._armed.get(room) == at_ms:
            return
        if at_ms is None:
            del self._armed[room]
            return
        self._armed[room] = at_ms
        heapq.heappush(self._heap, (at_ms, room))
        if len(self._heap) > 64 + 4 * len(self._armed):
            self._rebuild()
        if self._heap[0] == (at_ms, room):
            self._changed.set()

    @property
    def backlog(self) -> int:
        """Alarms kept, the replaced ones included; stays within a few times those that are set."""
        return len(self._heap)

    def is_armed(self, room: RoomId) -> bool:
        """Whether an alarm is set."""
        return room in self._armed

    def due(self, now_ms: float) -> list[RoomId]:
        """The rooms whose time has come, earliest first; their alarms are used up."""
        rooms: list[RoomId] = []
        while (at_ms := self._next_ms()) is not None and at_ms <= now_ms:
            _, room = heapq.heappop(self._heap)
            del self._armed[room]
            rooms.append(room)
        return rooms

    async def run(self, on_due: Callable[[RoomId], None]) -> None:
        """Call `on_due` for each room in time, for ever. It must not block or raise."""
        while True:
            self._changed.clear()
            for room in self.due(self._now_ms()):
                on_due(room)
            next_ms = self._next_ms()
            sleep_s = LONGEST_SLEEP_S if next_ms is None else max(0.0, next_ms - self._now_ms()) / 1_000
            try:
                async with asyncio.timeout(min(sleep_s, LONGEST_SLEEP_S)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _next_ms(self) -> float | None:
        while self._heap:
            at_ms, room = self._heap[0]
            if self._armed.get(room) == at_ms:
                return at_ms
            heapq.heappop(self._heap)  # replaced or disarmed since
        return None

    def _rebuild(self) -> None:
        self._heap = [(at_ms, room) for room, at_ms in self._armed.items()]
        heapq.heapify(self._heap)
