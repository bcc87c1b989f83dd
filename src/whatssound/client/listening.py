"""`async for event in room.events()`: a bounded queue between the socket and whoever reads at their own pace."""

import asyncio
from collections import deque
from typing import Final, Self

from whatssound.client.happenings import Joined, RoomEvent
from whatssound.wire import events

WAITING_EVENTS: Final = 1_000
"""What may wait for a slow reader."""


class Events:
    """The events of a room from now on, in order.

    Policy when `WAITING_EVENTS` wait: counts and typing are dropped; anything else clears the queue and stands for
    `Joined(resumed=False)`, as if the connection had been lost for too long: the room shows how things are.
    Ends when the room is left; raises Refusal when the server closed it.
    """

    def __init__(self) -> None:
        self._waiting: deque[RoomEvent] = deque()
        self._came = asyncio.Event()
        self._ended = False
        self._failure: Exception | None = None
        self.dropped = 0

    def put(self, event: RoomEvent) -> None:
        """Add an event; nothing waits for the reader."""
        if len(self._waiting) >= WAITING_EVENTS:
            if isinstance(event, events.Listeners | events.Typing):
                self.dropped += 1
                return
            self.dropped += len(self._waiting) + 1
            self._waiting.clear()
            event = Joined(resumed=False)
        self._waiting.append(event)
        self._came.set()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing more comes; `failure` is raised after what waits."""
        self._ended, self._failure = True, failure
        self._came.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()
