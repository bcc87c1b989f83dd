"""The room log and the bus of one process: plain memory, gone with it."""

import asyncio
import sys
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from whatssound.bus.bus import BusStatistics, NoAnswer
from whatssound.bus.log import LogEvent, LogPosition, LogStatistics, Reset, Subscription
from whatssound.ids import RoomId

_log = structlog.get_logger("whatssound.bus")

MAX_EVENTS = 10_000
"""Kept per room; with 10 minutes, whichever is shorter, it is the promise of resume."""

MAX_ROOM_BYTES = 8 * 1024 * 1024
"""Kept per room: 10,000 chat lines of average length take 3 MB."""

MAX_BYTES = 256 * 1024 * 1024
"""Kept for all rooms together; beyond it whole silent rooms make way, then this room's oldest events."""

MAX_ROOMS = 10_000
"""Rooms kept; beyond it the one that was silent for longest makes way, unless somebody listens to it."""

EVENT_OVERHEAD_BYTES = 280
"""What an event costs beside its record: two objects and two table entries (270 by tracemalloc)."""


class _Ring:
    """The newest events of one room and where each key stands among them."""

    __slots__ = ("bytes", "events", "keys", "last", "subscribers")

    def __init__(self, epoch: str) -> None:
        self.events: deque[LogEvent] = deque()
        self.keys: dict[str, LogPosition] = {}
        self.bytes = 0
        self.last = LogPosition(epoch, 0, "")
        self.subscribers: list[_LogSubscription] = []

    def add(self, event: LogEvent, position: LogPosition) -> None:
        self.events.append(event)
        self.keys[event.key] = position
        self.bytes += _size_of(event)
        self.last = position

    def drop_oldest(self) -> int:
        event = self.events.popleft()
        del self.keys[event.key]
        self.bytes -= _size_of(event)
        return _size_of(event)


class _LogSubscription:
    __slots__ = ("_ring", "on_event")

    def __init__(self, ring: _Ring, on_event: Callable[[LogEvent], None]) -> None:
        self._ring = ring
        self.on_event = on_event
        # A new list each time, so that a delivery under way keeps walking the old one.
        ring.subscribers = [*ring.subscribers, self]

    def close(self) -> None:
        self._ring.subscribers = [other for other in self._ring.subscribers if other is not self]


class MemoryLog:
    """RoomLog for one process: a ring of events per room and one counter for all rooms.

    `epoch` is a fresh random name at each start, so that positions of an earlier life are never mistaken.
    """

    def __init__(
        self,
        epoch: str,
        *,
        max_events: int = MAX_EVENTS,
        max_room_bytes: int = MAX_ROOM_BYTES,
        max_bytes: int = MAX_BYTES,
        max_rooms: int = MAX_ROOMS,
    ) -> None:
        self._epoch = epoch
        self._max_events = max_events
        self._max_room_bytes = max_room_bytes
        self._max_bytes = max_bytes
        self._max_rooms = max_rooms
        self._rings: OrderedDict[RoomId, _Ring] = OrderedDict()
        self._seq = 0
        self._events = 0
        self._bytes = 0

    @property
    def epoch(self) -> str:
        """The name of this life of the log."""
        return self._epoch

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        """Store and deliver `record`; a known key answers its first position. Never LogUnavailable."""
        ring = self._ring(room)
        self._rings.move_to_end(room)
        known = ring.keys.get(key)
        if known is not None:
            return known
        self._seq += 1
        position = LogPosition(self._epoch, self._seq, key)
        event = LogEvent(room=room, seq=self._seq, prev=ring.last.seq, key=key, record=record)
        ring.add(event, position)
        self._events += 1
        self._bytes += _size_of(event)
        self._trim(ring)
        for subscriber in ring.subscribers:
            if subscriber in ring.subscribers:
                subscriber.on_event(event)
        return position

    async def subscribe(self, room: RoomId, on_event: Callable[[LogEvent], None]) -> Subscription:
        """Deliver each event from now on, before its `append` returns."""
        return _LogSubscription(self._ring(room), on_event)

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        """What came after, if the event at `after` is still here; Reset otherwise."""
        if after.epoch != self._epoch:
            return Reset("another epoch")
        ring = self._rings.get(room)
        if ring is None or after.seq == 0 or ring.keys.get(after.key) != after:
            return Reset("position not in the log")
        newer: list[LogEvent] = []
        for event in reversed(ring.events):
            if event.seq <= after.seq:
                break
            newer.append(event)
        newer.reverse()
        return newer

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        """The newest position of each room."""
        nothing = LogPosition(self._epoch, 0, "")
        return {room: ring.last if (ring := self._rings.get(room)) else nothing for room in rooms}

    async def moved(self, cursors: Mapping[RoomId, LogPosition]) -> dict[RoomId, LogPosition]:
        """Every room that is somewhere else than its cursor."""
        return {
            room: position
            for room, position in (await self.positions(tuple(cursors))).items()
            if position != cursors[room]
        }

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Accepted and never called: inside one process nothing is missed."""

    def statistics(self) -> LogStatistics:
        """How much the log holds."""
        return LogStatistics(rooms=len(self._rings), events=self._events, bytes=self._bytes, appended=self._seq)

    def _ring(self, room: RoomId) -> _Ring:
        ring = self._rings.get(room)
        if ring is None:
            if len(self._rings) >= self._max_rooms:
                self._evict_silent(besides=None)
            ring = self._rings[room] = _Ring(self._epoch)
        return ring

    def _evict_silent(self, *, besides: _Ring | None) -> bool:
        """Forget the room that was silent for longest and that nobody listens to; False when there is none."""
        for room, ring in self._rings.items():
            if not ring.subscribers and ring is not besides:
                del self._rings[room]
                self._events -= len(ring.events)
                self._bytes -= ring.bytes
                return True
        return False

    def _trim(self, ring: _Ring) -> None:
        while len(ring.events) > 1 and (len(ring.events) > self._max_events or ring.bytes > self._max_room_bytes):
            self._drop_oldest(ring)
        while self._bytes > self._max_bytes and self._evict_silent(besides=ring):
            pass
        while self._bytes > self._max_bytes and len(ring.events) > 1:
            self._drop_oldest(ring)

    def _drop_oldest(self, ring: _Ring) -> None:
        self._bytes -= ring.drop_oldest()
        self._events -= 1


class _BusSubscription:
    __slots__ = ("_bus", "_topic", "on_message")

    def __init__(self, bus: "MemoryBus", topic: str, on_message: Callable[[bytes], None]) -> None:
        self._bus = bus
        self._topic = topic
        self.on_message = on_message

    def close(self) -> None:
        self._bus.remove(self._topic, self)


class _BusAnswer:
    __slots__ = ("_bus", "_topic", "handler")

    def __init__(self, bus: "MemoryBus", topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._bus = bus
        self._topic = topic
        self.handler = handler

    def close(self) -> None:
        self._bus.silence(self._topic, self)


class MemoryBus:
    """Bus for one process: a publish calls every subscriber before it returns, so nothing ever waits."""

    def __init__(self) -> None:
        self._topics: dict[str, tuple[_BusSubscription, ...]] = {}
        self._answers: dict[str, _BusAnswer] = {}
        self._published = 0
        self._delivered = 0
        self._requests = 0
        self._unanswered = 0

    @property
    def largest_bytes(self) -> int:
        """No message is too long."""
        return sys.maxsize

    def publish(self, topic: str, message: bytes) -> bool:
        """Hand `message` to every subscriber of `topic`; always True."""
        self._published += 1
        for subscription in self._topics.get(topic, ()):
            if subscription in self._topics.get(topic, ()):
                self._delivered += 1
                subscription.on_message(message)
        return True

    def subscribe(self, topic: str, on_message: Callable[[bytes], None]) -> Subscription:
        """Call `on_message` for each message published to `topic` from now on."""
        subscription = _BusSubscription(self, topic, on_message)
        self._topics[topic] = (*self._topics.get(topic, ()), subscription)
        return subscription

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        """Run the answerer in the caller's task, at most `timeout_s`. Raises NoAnswer."""
        self._requests += 1
        answer = self._answers.get(topic)
        try:
            if answer is None:
                raise NoAnswer(topic)
            return await self._answered(topic, answer, message, timeout_s)
        except NoAnswer:
            self._unanswered += 1
            raise

    def answer(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Subscription:
        """Answer every request on `topic`. Raises ValueError when it is answered already."""
        if topic in self._answers:
            raise ValueError(f"{topic} is answered already")
        answer = self._answers[topic] = _BusAnswer(self, topic, handler)
        return answer

    async def flush(self) -> None:
        """Nothing is under way."""

    def statistics(self) -> BusStatistics:
        """What was done; nothing waits or is dropped."""
        return BusStatistics(
            topics=len(self._topics) + len(self._answers),
            published=self._published,
            delivered=self._delivered,
            dropped=0,
            requests=self._requests,
            unanswered=self._unanswered,
            waiting=0,
        )

    def remove(self, topic: str, subscription: _BusSubscription) -> None:
        """Forget one subscription; one that is gone already is no error."""
        rest = tuple(other for other in self._topics.get(topic, ()) if other is not subscription)
        if rest:
            self._topics[topic] = rest
        else:
            self._topics.pop(topic, None)

    def silence(self, topic: str, answer: _BusAnswer) -> None:
        """Let no new request in; one that is closed already is no error."""
        if self._answers.get(topic) is answer:
            del self._answers[topic]

    async def _answered(self, topic: str, answer: _BusAnswer, message: bytes, timeout_s: float) -> bytes:
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                return await answer.handler(message)
        except Exception as problem:
            if deadline.expired():
                raise NoAnswer(topic, f"no answer in {timeout_s} s") from problem
            # The edge of a job: the one who asks is told, and here it is counted and can be read.
            _log.exception("a request could not be answered", topic=topic)
            raise NoAnswer(topic, "the one who answers failed") from problem


def _size_of(event: LogEvent) -> int:
    return len(event.record) + len(event.key) + EVENT_OVERHEAD_BYTES
