"""One room's events on their way to this node's channels: in order, without a gap, encoded once."""

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Final, Protocol

import structlog

from whatssound.bus.log import LogEvent, LogPosition, Reset, RoomLog, Subscription
from whatssound.gateway.burst import Part
from whatssound.gateway.crowd import Crowd, Written
from whatssound.gateway.crowds import Crowds
from whatssound.gateway.dialect import Dialect
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.tail import Tail, TailEvent
from whatssound.gateway.withheld import Line, Withheld
from whatssound.ids import RoomId, UserId
from whatssound.wire.events import User
from whatssound.wire.phoenix import Json

PENDING_EVENTS = 1_000
"""Live events that may wait for a repair; beyond that they are forgotten and replayed."""

REPAIR_DELAYS_S = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
"""A replay may be served by a follower that lags; after these tries the listeners start over."""

CONTROL_EVENTS: Final = frozenset({"playback", "queue", "room", "member"})
"""What closes a tick: listeners hear the same second of the same song, so these never wait."""

_log = structlog.get_logger("whatssound.gateway.feed")


class FeedState(Enum):
    """What a feed does with a live event."""

    STARTING = auto()
    """It waits until the cursor is known."""
    LIVE = auto()
    REPAIRING = auto()
    """It waits until what was missed is written."""
    CLOSED = auto()


class Member(Protocol):
    """A channel as its room's feed sees it."""

    @property
    def user_id(self) -> UserId | None:
        """Whose it is; None for a token that only reads."""
        ...

    @property
    def person(self) -> User | None:
        """Who it is, as others in the room see them; None for a token that only reads."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How its client is told of events; it stays the same."""
        ...

    @property
    def outlet(self) -> Outlet:
        """Where its socket's frames go."""
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
    shows. What happens is gathered and flushed (see `Flusher`); `position` is what has happened, written or not.
    Whatever an outlet raises ends the delivery to that member alone.
    """

    def __init__(
        self, room: RoomId, log: RoomLog, metrics: Metrics, flusher: Flusher, *, spawn: Callable[..., object]
    ) -> None:
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
        self._flusher = flusher
        self._crowds: Crowds[Dialect] = Crowds()
        self._withheld: Withheld[Member] = Withheld()
        self._turn = flusher.turn(self)
        self._control = False
        self._subscription: Subscription | None = None
        self._reaching = asyncio.Lock()

    @property
    def position(self) -> LogPosition:
        """The newest event that was written or waits for the end of its tick."""
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
        self._turn.close()
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
        heard = [event for event in missed if not self._is_withheld(event, member)]
        frames = [event.frame(member.dialect) for event in heard]
        self._crowd_of(member.dialect).enter(member, member.outlet, frames)
        self._metrics.delivered.inc(len(frames))

    def detach(self, member: Member) -> None:
        """Nothing more is written to `member`."""
        self.members.discard(member)
        if (crowd := self._crowds.get(member.dialect)) is not None:
            crowd.leave(member)

    def catch_up(self, member: Member) -> None:
        """Write `member` what its tick has gathered: a direct reply follows, which must not overtake it."""
        if (crowd := self._crowds.get(member.dialect)) is not None:
            self._metrics.delivered.inc(crowd.catch_up(member))

    def withhold(self, line: Line, member: Member) -> None:
        """Do not tell `member` of a chat line that is still to come: they say it, or were shown it already."""
        self._withheld.hold(line, member, self._flusher.now_s())

    def let_go(self, line: Line, member: Member) -> None:
        """Tell `member` of `line` after all, should it come."""
        self._withheld.let_go(line, member)

    def announce(self, name: str, payload: Json, state: Hashable) -> None:
        """Write an unlogged event to everybody who listens; `state` names what a later one replaces."""
        if self._state is FeedState.CLOSED:
            return
        for dialect, crowd in self._crowds.items():
            if crowd:
                # A socket may be in the room in two ways; what is newer in one replaces nothing in the other.
                crowd.add(Part(dialect.frame(self.topic, name, payload), (state, dialect)))
        self._turn.gathered(at_once=False)

    def overload_s(self) -> float:
        """For how long the room must be spared chat and announcements; 0 when it keeps up."""
        return self._turn.overload_s()

    # --- what the flusher calls ---------------------------------------------------------------------------------

    @property
    def waiting_bytes(self) -> int:
        """What is gathered and not due yet."""
        return self._crowds.waiting_bytes

    def call(self) -> None:
        """Everything that is gathered is due now."""
        self._crowds.call()

    def write(self, until_s: float) -> Written:
        """Write what is due, as much as there is time for."""
        done = self._crowds.write(until_s)
        self._metrics.delivered.inc(done.frames)
        return done

    # --- repairing ----------------------------------------------------------------------------------------------

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
                self._applied()
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
        deaf = self._deaf_to(kept) if self._withheld else ()
        for dialect, crowd in self._crowds.items():
            if crowd:
                crowd.add(Part(kept.frame(dialect)))
        for member in deaf:
            self._crowd_of(member.dialect).skip(member)
        self._control = self._control or kept.name in CONTROL_EVENTS

    def _applied(self) -> None:
        """Let what was applied be written, in this tick or, with a control event in it, at once."""
        control, self._control = self._control, False
        self._turn.gathered(at_once=control)

    def _crowd_of(self, dialect: Dialect) -> Crowd:
        crowd = self._crowds.get(dialect)
        if crowd is None:
            crowd = self._crowds[dialect] = Crowd(self._flusher.now_s, self._flusher.lanes)
        return crowd

    def _is_withheld(self, event: TailEvent, member: Member) -> bool:
        return event.name == "chat" and self._withheld.concerns(event.payload, member)

    def _deaf_to(self, event: TailEvent) -> frozenset[Member]:
        """Members who do not hear of `event`, and have everything that came before it."""
        if event.name != "chat":
            return frozenset()
        deaf = self._withheld.take(event.payload, self._flusher.now_s()) & self.members
        for member in deaf:
            self.catch_up(member)
        return deaf

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
                self._applied()
                return False
            self._apply(event)
        self._applied()
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
            self._applied()
            if self._caught_up():
                self._state = FeedState.LIVE
                return
        if self._state is not FeedState.CLOSED:
            self.start_over()
