"""RoomLog: the ordered, resumable events of every room."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import RoomId


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in a room's log.

    The epoch names one life of the log, `seq` grows within it (0: nothing yet), and `key` tells apart two
    events that got the same number because a store was restored from a copy.
    """

    epoch: str
    seq: int
    key: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of a room. `prev` is the seq of the room's event before it, 0 for the first one known."""

    room: RoomId
    seq: int
    prev: int
    key: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Reset:
    """The log cannot say what happened since the asked position: take a snapshot instead."""

    reason: str


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """How much a log holds right now."""

    rooms: int
    events: int
    bytes: int
    appended: int


class LogUnavailable(Exception):
    """The log did not take the event, or does not answer just now; the caller keeps what it has and tries again."""


class Subscription(Protocol):
    """A running delivery of one room's events."""

    def close(self) -> None:
        """Stop at once: the callback is not called after this returns. Closing twice is harmless."""
        ...


class RoomLog(Protocol):
    """The ordered, resumable events of every room.

    Order: all subscribers of a room see the same events in the same order, linked by `prev`. Delivery is at most
    once (a slow consumer or a reconnect may miss events, and `on_gap` says so); `replay` and `positions` are how a
    reader finds out and repairs. Nothing is promised across epochs.
    """

    @property
    def epoch(self) -> str:
        """The name of this life of the log."""
        ...

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        """Store `record` as the room's next event; returns once a replay would show it.

        Idempotent by `(room, key)` within the log's retention: a known key stores nothing, delivers nothing and
        answers the first position. Appends awaited one after another keep their order.
        Raises LogUnavailable when the event may not have been stored; trying again with the same key is safe.
        """
        ...

    async def subscribe(self, room: RoomId, on_event: Callable[[LogEvent], None]) -> Subscription:
        """Call `on_event` for each event appended after this returns, in order.

        The callback is synchronous, must not block and must not raise. Raises LogUnavailable.
        """
        ...

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        """Every event after `after`, oldest first, or Reset: all or nothing.

        Complete only if the event at `after.seq` is still there with `after.key`, in this epoch. `after.seq` 0 is
        always answered with Reset. Raises LogUnavailable when the log does not answer, or not with the whole truth.
        """
        ...

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        """The newest position of each room; a room without events has seq 0 and an empty key.

        A server that lags may answer with an older one than there is, never older than what this process has
        appended or seen. Raises LogUnavailable.
        """
        ...

    async def moved(self, cursors: Mapping[RoomId, LogPosition]) -> dict[RoomId, LogPosition]:
        """Those of the rooms that have events after their cursor or are in another epoch, with their newest position.

        Made to be asked of all rooms again and again: what did not move costs next to nothing. A cursor says that
        everything of its room up to there was seen; a room is told each time until its cursor has followed. One that
        moved may be left out while the server asked lags. Raises LogUnavailable.
        """
        ...

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever events may have been missed by this process's subscribers."""
        ...

    def statistics(self) -> LogStatistics:
        """How much the log holds."""
        ...
