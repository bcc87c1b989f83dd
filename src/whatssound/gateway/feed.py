"""One room's events on their way to this node's channels: in order, without a gap, encoded once."""

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Protocol

import structlog

from whatssound.bus.log import LogEvent, LogPosition, Reset, RoomLog, Subscription
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.tail import Tail, TailEvent
from whatssound.ids import RoomId, UserId
from whatssound.wire.phoenix import SERIALIZERS, Json, Serializer, text_frame

PENDING_EVENTS = 1_000
"""Live events that may wait for a repair; beyond that they are forgotten and replayed."""

REPAIR_DELAYS_S = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
"""A replay may be served by a follower that lags; after these tries the listeners start over."""

_log = structlog.get_logger("whatssound.gateway.feed")


class FeedState(Enum):
    """What a feed does with a live event."""

    STARTING = auto()
    """It waits until the cursor is known."""
    LIVE = auto()
    REPAIRING = auto()
    """It waits until what was missed is written."""
    CLOSED = auto()


class Send(Protocol):
    """Writes a pre-encoded frame to one socket; see `Outbox.send`."""

    def __call__(self, frame: bytes, *, state: Hashable | None = None) -> None: ...


class Member(Protocol):
    """A channel as its room's feed sees it."""

    @property
    def user_id(self) -> UserId | None:
        """Whose it is; None for a token that only reads."""
        ...

    @property
    def serializer(self) -> Serializer:
        """What its socket speaks."""
        ...

    @property
    def send(self) -> Send:
        """Its socket's send."""
        ...

    def start_over(self) -> None:
        """The room's events are not known any more: join again, for a snapshot."""
        ...

    def concerned(self, what: str) -> None:
        """Its user was "kicked", "banned" or "muted"."""
        ...


class RoomFeed:
    """The room's log, read once for all channels of this node.

    A channel that is attached is a member; it hears nothing until it is released at the position its join reply
    shows. Whatever `send` raises ends the delivery to that member alone.
    """

    def __init__(self, room: RoomId, log: RoomLog, metrics: Metrics, *, spawn: Callable[..., object]) -> None:
        self.room = room
        self.topic = f"room:{room}"
        self.members: set[Member] = set()
        self._log = log
        self._metrics = metrics
        self._spawn = spawn
        self._state = FeedState.STARTING
        self._tail = Tail(LogPosition(log.epoch, 0, ""), self.topic)
        self._pending: list[LogEvent] = []
        self._overrun = False
        self._live: dict[str, dict[Member, Send]] = {serializer.vsn: {} for serializer in SERIALIZERS}
        self._subscription: Subscription | None = None
        self._reaching = asyncio.Lock()

    @property
    def position(self) -> LogPosition:
        """The newest event that was written."""
        return self._tail.cursor

    async def start(self) -> None:
        """Subscribe, then find out where the room stands: in this order nothing falls between."""
        self._subscription = await self._log.subscribe(self.room, self._arrived)
        if self._state is FeedState.CLOSED:
            self._subscription.close()
            return
        position = (await self._log.positions([self.room]))[self.room]
        if self._state is FeedState.STARTING:
            self._tail = Tail(position, self.topic)
            self._go_live()

    def close(self) -> None:
        """Stop listening to the room."""
        self._state = FeedState.CLOSED
        self._pending.clear()
        if self._subscription is not None:
            self._subscription.close()

    async def reach(self, after: LogPosition) -> None:
        """Make `since(after)` know as much as it can: what the tail does not reach is replayed once and kept."""
        if self._knows_all_about(after):
            return
        async with self._reaching:
            if self._knows_all_about(after):
                return
            replayed = await self._log.replay(self.room, after)
            if not isinstance(replayed, Reset):
                self._tail = self._tail.extended(after, replayed)

    def since(self, after: LogPosition) -> list[TailEvent] | None:
        """What a channel that stands at `after` has missed, up to `position`; None when it needs a snapshot."""
        return self._tail.since(after) if after.seq > 0 else None

    def _knows_all_about(self, after: LogPosition) -> bool:
        if after.seq <= 0 or after.epoch != self.position.epoch or self._tail.trimmed:
            return True
        return self._tail.since(after) is not None

    def release(self, member: Member, position: LogPosition) -> None:
        """Write `member` what came after `position`, and from now on everything."""
        if member not in self.members:
            return
        missed = self._tail.since(position)
        if missed is None:
            member.start_over()
            return
        for event in missed:
            member.send(event.frame(member.serializer))
        self._live[member.serializer.vsn][member] = member.send

    def detach(self, member: Member) -> None:
        """Nothing more is written to `member`."""
        self.members.discard(member)
        self._live[member.serializer.vsn].pop(member, None)

    def announce(self, name: str, payload: Json, state: Hashable) -> None:
        """Write an unlogged event to everybody who listens; `state` names what a later one replaces."""
        for serializer in SERIALIZERS:
            if self._live[serializer.vsn]:
                frame = text_frame(serializer.broadcast(self.topic, name, payload))
                self._write(serializer, frame, state)

    def differs_from(self, position: LogPosition) -> bool:
        """Whether `position`, read from the log, tells of events that this feed has not seen."""
        if self._state is not FeedState.LIVE or position == self.position:
            return False
        # A position that is behind comes from a follower that lags, and says nothing.
        return position.epoch != self.position.epoch or position.seq >= self.position.seq

    def repair(self) -> None:
        """Replay what was missed before anything newer is written. Does nothing while it is being done."""
        if self._state is FeedState.LIVE:
            self._state = FeedState.REPAIRING
            self._spawn(self._repaired())

    def start_over(self) -> None:
        """Nobody knows what was missed: every channel joins again."""
        self._metrics.resets.inc()
        self.close()
        for member in tuple(self.members):
            member.start_over()

    def _arrived(self, event: LogEvent) -> None:
        if self._state is FeedState.LIVE:
            if event.seq <= self.position.seq:
                return
            if event.prev == self.position.seq:
                self._apply(event)
                return
            self._pending.append(event)
            self.repair()
        elif self._state is not FeedState.CLOSED:
            self._hold(event)

    def _hold(self, event: LogEvent) -> None:
        if len(self._pending) >= PENDING_EVENTS:
            self._pending.clear()
            self._overrun = True
        self._pending.append(event)

    def _apply(self, event: LogEvent) -> None:
        kept = self._tail.append(event)
        for serializer in SERIALIZERS:
            if self._live[serializer.vsn]:
                self._write(serializer, kept.frame(serializer), None)

    def _write(self, serializer: Serializer, frame: bytes, state: Hashable | None) -> None:
        # A copy, because a socket that overflows leaves while we write.
        members = tuple(self._live[serializer.vsn].items())
        for member, send in members:
            try:
                send(frame, state=state)
            except Exception:
                _log.exception("a frame could not be handed to a socket")
                self.detach(member)
        self._metrics.delivered.inc(len(members))

    def _go_live(self) -> None:
        self._state = FeedState.LIVE
        if not self._caught_up():
            self.repair()

    def _caught_up(self) -> bool:
        """Write the events that waited, as far as they follow each other; whether that was all."""
        if self._overrun:
            self._overrun = False
            return False
        pending, self._pending = self._pending, []
        for index, event in enumerate(pending):
            if event.seq <= self.position.seq:
                continue
            if event.prev != self.position.seq:
                self._pending = pending[index:]
                return False
            self._apply(event)
        return True

    async def _repaired(self) -> None:
        self._metrics.repairs.inc()
        for delay_s in REPAIR_DELAYS_S:
            await asyncio.sleep(delay_s)
            try:
                missed = await self._log.replay(self.room, self.position)
            except Exception:
                _log.exception("a room's events could not be replayed", room=str(self.room))
                continue
            if self._state is FeedState.CLOSED:
                return
            if isinstance(missed, Reset):
                break
            for event in missed:
                if event.seq > self.position.seq:
                    self._apply(event)
            if self._caught_up():
                self._state = FeedState.LIVE
                return
        if self._state is not FeedState.CLOSED:
            self.start_over()
