"""A member of a hub's room that joins again when it is told to, and proves what it was promised."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from whatssound.bus.log import LogPosition
from whatssound.gateway.burst import Burst
from whatssound.gateway.dialect import Dialect, plain
from whatssound.gateway.hub import Hub
from whatssound.gateway.lanes import NO_LANE, Outlet
from whatssound.ids import RoomId, UserId
from whatssound.wire.errors import Refusal
from whatssound.wire.events import User
from whatssound.wire.phoenix import V2

PATIENCE_S = 60.0


class HubListener:
    """Hears a room through `hub`, without a socket. Its promises are checked by `broken_promises`."""

    dialect: Dialect = plain(V2)
    person: User | None = None
    user_id: UserId | None = None
    fd: int = NO_LANE

    def __init__(self, hub: Hub, room: RoomId) -> None:
        self._hub = hub
        self._room = room
        self._told = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None
        self.at = LogPosition("", 0, "")
        self.resets = 0
        self.heard: list[tuple[str, int]] = []
        """Epoch and number of every event, in the order of arrival."""
        self.broken: list[str] = []
        self._covered: list[tuple[str, int]] = []

    async def join(self) -> None:
        """Enter the room; the position it starts from covers everything before."""
        while True:
            try:
                feed = await self._hub.attach(self._room, self)
                break
            except Refusal:
                await asyncio.sleep(0.1)
        self.at = feed.position
        self._covered.append((self.at.epoch, self.at.seq))
        feed.release(self, self.at)

    @property
    def outlet(self) -> Outlet:
        return self

    def take_rest(self, burst: Burst, sent: int, /) -> None:
        raise NotImplementedError

    def take(self, burst: Burst, /) -> None:
        for part in burst.parts:
            message = json.loads(part.frame[4 if part.frame[1] == 126 else 2 :])
            if message[3] == "chat":
                self._hear(message[4])
        self._told.set()

    def _hear(self, payload: dict[str, Any]) -> None:
        if payload["prev"] != self.at.seq:
            self.broken.append(f"{payload['n']} follows {payload['prev']}, but it stood at {self.at.seq}")
        self.at = LogPosition(self.at.epoch, payload["seq"], payload["key"])
        self.heard.append((self.at.epoch, payload["n"]))

    def start_over(self) -> None:
        self.resets += 1
        self._hub.detach(self._room, self)
        self._joining = asyncio.get_running_loop().create_task(self.join())

    def concerned(self, what: str) -> None:
        del what

    async def hears(self, number: int) -> None:
        """Return once event `number` has arrived."""
        async with asyncio.timeout(PATIENCE_S):
            while all(n != number for _, n in self.heard):
                self._told.clear()
                await self._told.wait()

    def broken_promises(self, acknowledged: Iterable[tuple[int, LogPosition]]) -> list[str]:
        """Every broken promise in words: a gap, a double, another order, or something acknowledged and never shown."""
        found = list(self.broken)
        numbers = [n for _, n in self.heard]
        if len(set(self.heard)) != len(numbers):
            found.append("an event was shown twice")
        shown = set(numbers)
        for number, position in acknowledged:
            if number not in shown and not self._covers(position):
                found.append(f"{number} was acknowledged at {position.seq} and never shown")
        return found

    def _covers(self, position: LogPosition) -> bool:
        """Whether a join came after the event, so that its snapshot has it; a new epoch covers all before it."""
        last_epoch = self._covered[-1][0]
        return (
            any(epoch == position.epoch and seq >= position.seq for epoch, seq in self._covered)
            or last_epoch != position.epoch
        )
