"""The hub: topic → local channels. The only reader of the room log."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog

from whatssound.bus.bus import Bus
from whatssound.bus.log import RoomLog, Subscription
from whatssound.gateway.attendance import Attendance
from whatssound.gateway.audience import Audience
from whatssound.gateway.checks import Checks
from whatssound.gateway.counts import Counts
from whatssound.gateway.feed import Member, RoomFeed
from whatssound.gateway.flusher import Flusher, FlusherStatistics
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.roll_call import RollCall
from whatssound.ids import RoomId, UserId
from whatssound.wire.errors import Refusal
from whatssound.wire.events import User

TICK_S = 0.25
"""Reactions are summed over this time, by one timer for all rooms."""

LISTENERS_TICKS = 4
"""A count is sent at most once a second, in large rooms more seldom (`Counts.may_count`)."""

CHECK_TICKS = 8
"""Every 2 s all cursors are compared with the log's positions: a last event that was lost is there within 5 s."""

DEVICES_TICKS = 20
"""Every 5 s the owner of a room hears that a DJ's device is still here."""

AUDIENCE_TICKS = 20
"""Every 5 s the other nodes hear all our counts anew."""

AUDIENCE_TOPIC = "listeners"

_log = structlog.get_logger("whatssound.gateway.hub")


class HubStatistics(NamedTuple):
    """How much passes through here."""

    rooms: int
    channels: int


class DeviceSeen(Protocol):
    """Tells a room's owner that a device's socket is here."""

    def __call__(self, room_id: RoomId, device: str) -> None: ...


@dataclass(slots=True, eq=False)
class _Topic:
    """A room with listeners on this node."""

    feed: RoomFeed
    counts: Counts
    started: asyncio.Task[None]
    subscriptions: list[Subscription]
    devices: dict[Member, str]
    attendance: Attendance


class Hub:
    """Which channels of this node listen to which room, and everything they hear.

    Bounded by the channels themselves: one feed a room with listeners, a tail of 128 KiB each.
    """

    def __init__(
        self,
        log: RoomLog,
        bus: Bus,
        metrics: Metrics,
        *,
        device_seen: DeviceSeen,
        flusher: Flusher | None = None,
        now_s: Callable[[], float] = time.monotonic,
        node: str = "here",
    ) -> None:
        self._log = log
        self._bus = bus
        self._metrics = metrics
        self._device_seen = device_seen
        self._flusher = flusher or Flusher()
        self._now_s = now_s
        self._topics: dict[RoomId, _Topic] = {}
        self._reacted: set[RoomId] = set()
        self._counted: set[RoomId] = set()
        self._audience = Audience(node)
        self._roll_call = RollCall(bus, node, here=self._people_here, others=self._audience.nodes)
        self._hearing: Subscription | None = None
        self._told_in_tick = False
        self._ticks = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.checks = Checks(log, lambda: (topic.feed for topic in self._topics.values()), spawn=self._spawn)
        log.on_gap(self.checks.missed)

    async def start(self) -> None:
        """Run the one timer, and hear how many listen elsewhere."""
        self._hearing = self._bus.subscribe(AUDIENCE_TOPIC, self._told_of_audience)
        self._roll_call.start()
        self._tell_audience()  # that nobody is here yet: an earlier life of this node may have told otherwise
        self._spawn(self._beat())

    async def stop(self) -> None:
        """End every subscription and task."""
        if self._hearing is not None:
            self._hearing.close()
        self._roll_call.close()
        for topic in tuple(self._topics.values()):
            self._audience.count(topic.feed.room, 0)
            self._close(topic)
        self._tell_audience()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def attach(self, room: RoomId, member: Member) -> RoomFeed:
        """Make `member` one of the room's channels, silent until it is released; returns once the feed runs.

        Raises Refusal `unavailable` when the log does not answer.
        """
        topic = self._topics.get(room) or self._open(room)
        topic.feed.members.add(member)
        topic.attendance.enter(member.user_id, member)
        self._count(topic)
        try:
            await asyncio.shield(topic.started)
        except Exception as problem:
            self.detach(room, member)
            raise Refusal("unavailable", "The room does not answer just now.", retry_after_ms=1_000) from problem
        return topic.feed

    def detach(self, room: RoomId, member: Member) -> None:
        """`member` has left."""
        topic = self._topics.get(room)
        if topic is None or member not in topic.feed.members:
            return
        topic.feed.detach(member)
        topic.attendance.leave(member.user_id, member)
        topic.devices.pop(member, None)
        self._count(topic)
        if not topic.feed.members:
            self._close(topic)

    def recognised(self, room: RoomId, member: Member, before: UserId | None) -> None:
        """`member`, who spoke for `before` until now, speaks for somebody else."""
        if (topic := self._topics.get(room)) is not None and member in topic.feed.members:
            topic.attendance.leave(before, member)
            topic.attendance.enter(member.user_id, member)

    async def people(self, room: RoomId, after: UserId, limit: int) -> list[User]:
        """The first `limit` people in the room, on all nodes, with a greater id than `after`; see `RollCall.people`."""
        return await self._roll_call.people(room, after, limit)

    def lead(self, room: RoomId, member: Member, device: str) -> None:
        """`member` may lead the room from `device`: its owner hears of it as long as the socket is here."""
        if (topic := self._topics.get(room)) is not None and member in topic.feed.members:
            topic.devices[member] = device
            self._device_seen(room, device)

    def knows(self, room: RoomId) -> bool:
        """Whether somebody listens to the room here already."""
        return room in self._topics

    def listeners(self, room: RoomId) -> int:
        """How many sockets are in the room, on all nodes together."""
        return self._audience.listeners(room)

    def overload_ms(self, room: RoomId) -> int:
        """For how many ms the room takes no chat from here, because this process cannot write fast enough; 0: it does.

        Asked before anything is stored: what is shed is refused, never lost.
        """
        topic = self._topics.get(room)
        return 0 if topic is None else math.ceil(topic.feed.overload_s() * 1_000)

    def react(self, room: RoomId, emoji: str) -> None:
        """Tell everybody in the room, on every node, of a reaction."""
        self._bus.publish(_reaction_topic(room), emoji.encode())

    def typing(self, room: RoomId, payload: bytes) -> None:
        """Tell everybody in the room, on every node, that somebody types."""
        self._bus.publish(_typing_topic(room), payload)

    def on_member(self, room: RoomId, user: UserId, what: str) -> None:
        """Somebody was kicked, banned or muted, or got another role: their sockets hear of it at once."""
        if (topic := self._topics.get(room)) is not None:
            for member in tuple(topic.feed.members):
                if member.user_id == user:
                    member.concerned(what)

    def on_doubt(self) -> None:
        """Somebody may stand otherwise than was heard: all who are here are looked up again."""
        for topic in tuple(self._topics.values()):
            for member in tuple(topic.feed.members):
                member.concerned("doubt")

    def tick(self) -> None:
        """What is due every `TICK_S`."""
        self._ticks += 1
        self._flusher.look()
        self._send_reactions()
        self._tell_audience()
        if self._ticks % LISTENERS_TICKS == 0:
            self._send_listeners()
        if self._ticks % CHECK_TICKS == 0:
            self.checks.look()
        if self._ticks % DEVICES_TICKS == 0:
            self._report_devices()

    def statistics(self) -> HubStatistics:
        """How many rooms and channels are here now."""
        return HubStatistics(len(self._topics), sum(len(topic.feed.members) for topic in self._topics.values()))

    def flushing(self) -> FlusherStatistics:
        """What the rooms' flushes cost, and what ticks save."""
        return self._flusher.statistics()

    def _open(self, room: RoomId) -> _Topic:
        feed = RoomFeed(room, self._log, self._metrics, self._flusher, spawn=self._spawn)
        topic = _Topic(feed, Counts(now_s=self._now_s()), self._spawn(feed.start()), [], {}, Attendance())
        topic.subscriptions = [
            self._bus.subscribe(_reaction_topic(room), lambda emoji: self._reacted_to(topic, emoji)),
            self._bus.subscribe(_typing_topic(room), lambda payload: self._typed(topic, payload)),
        ]
        self._topics[room] = topic
        self._metrics.rooms.set(len(self._topics))
        return topic

    def _close(self, topic: _Topic) -> None:
        topic.feed.close()
        for subscription in topic.subscriptions:
            subscription.close()
        if self._topics.get(topic.feed.room) is topic:
            del self._topics[topic.feed.room]
        self._metrics.rooms.set(len(self._topics))

    def _count(self, topic: _Topic) -> None:
        room = topic.feed.room
        self._audience.count(room, len(topic.feed.members))
        topic.counts.listeners = self._audience.listeners(room)
        self._counted.add(room)
        if not self._told_in_tick:
            # At once, so that who joins elsewhere next finds it; what follows within the tick is told in one message.
            self._told_in_tick = True
            self._tell_changes()

    def _people_here(self, room: RoomId, after: UserId, limit: int) -> list[User]:
        return [] if (topic := self._topics.get(room)) is None else topic.attendance.page(after, limit)

    def _tell_changes(self) -> None:
        if (changes := self._audience.changes()) is not None:
            self._bus.publish(AUDIENCE_TOPIC, changes)

    def _tell_audience(self) -> None:
        """What changed here, and from time to time everything; and forget nodes that do not."""
        self._told_in_tick = False
        self._tell_changes()
        if self._ticks % AUDIENCE_TICKS == 0:
            for message in self._audience.everything():
                self._bus.publish(AUDIENCE_TOPIC, message)
        self._recounted(self._audience.forget_silent(self._now_s()))

    def _told_of_audience(self, message: bytes) -> None:
        self._recounted(self._audience.hear(message, self._now_s()))

    def _recounted(self, rooms: set[RoomId]) -> None:
        for room in rooms & self._topics.keys():
            self._topics[room].counts.listeners = self._audience.listeners(room)
            self._counted.add(room)

    def _reacted_to(self, topic: _Topic, emoji: bytes) -> None:
        topic.counts.react(emoji.decode())
        self._reacted.add(topic.feed.room)

    def _typed(self, topic: _Topic, payload: bytes) -> None:
        if topic.counts.may_type(self._now_s()) and not topic.feed.overload_s():
            topic.feed.announce("typing", payload, ("typing", topic.feed.room))

    def _send_reactions(self) -> None:
        reacted, self._reacted = self._reacted, set()
        for room in reacted:
            topic = self._topics.get(room)
            if topic is not None and topic.feed.overload_s():
                self._reacted.add(room)
            elif topic is not None and (payload := topic.counts.take_reactions()) is not None:
                topic.feed.announce("reactions", payload, ("reactions", room))

    def _send_listeners(self) -> None:
        counted, self._counted = self._counted, set()
        now_s = self._now_s()
        for room in counted:
            if (topic := self._topics.get(room)) is None:
                continue
            if topic.feed.overload_s() or not topic.counts.may_count(now_s, len(topic.feed.members)):
                self._counted.add(room)
            elif (payload := topic.counts.take_listeners(now_s)) is not None:
                topic.feed.announce("listeners", payload, ("listeners", room))

    def _report_devices(self) -> None:
        for room, topic in self._topics.items():
            for device in set(topic.devices.values()):
                self._device_seen(room, device)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.tick()
            except Exception:
                _log.exception("a tick of the hub failed")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (problem := task.exception()) is not None:
                _log.error("a task of the hub failed", exc_info=problem)


def _reaction_topic(room: RoomId) -> str:
    return f"room:{room}:reaction"


def _typing_topic(room: RoomId) -> str:
    return f"room:{room}:typing"
