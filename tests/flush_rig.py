"""A hub whose loop and clock a test turns by hand, and listeners whose sockets cost time."""

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.gateway.burst import Burst
from whatssound.gateway.dialect import Dialect, plain
from whatssound.gateway.feed import RoomFeed
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.hub import Hub
from whatssound.gateway.lanes import NO_LANE, Outlet
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId, UserId
from whatssound.wire.events import User
from whatssound.wire.phoenix import V2
from whatssound.wire.record import encode_record

ROOM = RoomId(7)
PLAIN = plain(V2)


@dataclass
class _Timer:
    callback: Callable[[], object] | None

    def cancel(self) -> None:
        self.callback = None


@dataclass
class HandLoop:
    """A loop that does one thing when it is told to, and a clock that only moves when something costs time."""

    now: float = 100.0
    soon: list[Callable[[], object]] = field(default_factory=list)
    timers: list[tuple[float, int, _Timer]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def now_s(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> _Timer:
        timer = _Timer(callback)
        heapq.heappush(self.timers, (self.now + delay, next(self.numbers), timer))
        return timer

    def turn(self) -> bool:
        """Do what is next; False when there is nothing to do."""
        if self.soon:
            self.soon.pop(0)()
            return True
        while self.timers:
            at, _, timer = heapq.heappop(self.timers)
            if timer.callback is not None:
                self.now = max(self.now, at)
                timer.callback()
                return True
        return False

    def rest(self) -> None:
        """Do everything."""
        while self.turn():
            pass

    def pass_time(self, seconds: float) -> None:
        """Do what is due within `seconds`."""
        until = self.now + seconds
        while self.soon or (self.timers and self.timers[0][0] <= until):
            self.turn()
        self.now = max(self.now, until)


@dataclass(eq=False)
class Listener:
    """A member that remembers every write; each costs `cost_s` of the loop's time."""

    loop: HandLoop
    cost_s: float = 0.0
    dialect: Dialect = PLAIN
    person: User | None = None
    user_id: UserId | None = None
    writes: list[list[tuple[str, dict[str, Any]]]] = field(default_factory=list)
    starts_over: int = 0
    fd: int = NO_LANE

    @property
    def outlet(self) -> Outlet:
        return self

    def take_rest(self, burst: Burst, sent: int, /) -> None:
        raise NotImplementedError

    def take(self, burst: Burst, /) -> None:
        self.loop.now += self.cost_s
        assert burst.joined == b"".join(part.frame for part in burst.parts)
        self.writes.append([_read(part.frame) for part in burst.parts])

    def start_over(self) -> None:
        self.starts_over += 1

    def concerned(self, what: str) -> None:
        del what

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [event for write in self.writes for event in write]

    @property
    def heard(self) -> list[int]:
        """The numbers of the logged events it heard; fails unless each follows the one before it."""
        logged = [payload for _, payload in self.events if "seq" in payload]
        for before, after in itertools.pairwise(logged):
            assert after["prev"] == before["seq"], (before, after)
        return [payload["n"] for payload in logged]


def _nobody_cares(room_id: RoomId, device: str) -> None:
    del room_id, device


def _read(frame: bytes) -> tuple[str, dict[str, Any]]:
    start = {126: 4, 127: 10}.get(frame[1], 2)
    message = json.loads(frame[start:])
    name, payload = (message["event"], message["payload"]) if isinstance(message, dict) else (message[3], message[4])
    return (payload["event"], payload["payload"]) if name == "broadcast" else (name, payload)


@dataclass
class Flushing:
    """A hub over an in-process log, with one room."""

    loop: HandLoop = field(default_factory=HandLoop)
    log: MemoryLog = field(default_factory=lambda: MemoryLog("e"))
    said: int = 0

    def __post_init__(self) -> None:
        self.flusher = Flusher(loop=self.loop, now_s=self.loop.now_s)
        self.hub = Hub(
            self.log,
            MemoryBus(),
            Metrics(CollectorRegistry()),
            device_seen=_nobody_cares,
            flusher=self.flusher,
        )

    async def feed(self, room: RoomId = ROOM) -> RoomFeed:
        """The room's feed, kept alive by somebody who joined and never listens."""
        return await self.hub.attach(room, Listener(self.loop))

    async def listening(self, listener: Listener, room: RoomId = ROOM) -> RoomFeed:
        feed = await self.hub.attach(room, listener)
        feed.release(listener, feed.position)
        return feed

    async def crowd(self, size: int, *, cost_s: float = 0.0, room: RoomId = ROOM) -> list[Listener]:
        listeners = [Listener(self.loop, cost_s) for _ in range(size)]
        for listener in listeners:
            await self.listening(listener, room)
        return listeners

    async def say(self, name: str = "chat", room: RoomId = ROOM, padding: str = "") -> int:
        """One more logged event; answers its number."""
        self.said += 1
        record = encode_record(name, {"n": self.said, "text": padding})
        await self.log.append(room, record, key=f"k{self.said}")
        return self.said
