"""A room's feed against a log that loses, lags and forgets: no gap is ever written."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.bus.log import LogEvent, LogPosition, Reset, Subscription
from whatssound.gateway.burst import Burst
from whatssound.gateway.dialect import Dialect, plain, view
from whatssound.gateway.feed import RoomFeed
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.hub import CHECK_TICKS, Hub
from whatssound.gateway.lanes import NO_LANE, Outlet
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.outbox import Outbox
from whatssound.gateway.tail import Tail
from whatssound.ids import RoomId, UserId
from whatssound.wire.errors import Refusal
from whatssound.wire.events import User
from whatssound.wire.phoenix import V1, V2
from whatssound.wire.record import encode_record

ROOM = RoomId(7)
PLAIN = plain(V2)


class FaultyLog(MemoryLog):
    """The in-process log behind a bad network: what a test says is lost, late, partial or restored."""

    def __init__(self, epoch: str = "e") -> None:
        super().__init__(epoch)
        self.loses: set[str] = set()
        self.lagging: list[int] = []
        """How many events each of the next replays leaves out at its end."""
        self.answers = asyncio.Event()
        """Until it is set, the answer to who has moved is on its way."""
        self.answers.set()
        self.forgot = False
        self.down = False
        self.gap: Callable[[], None] = lambda: None
        self.replays = 0

    async def subscribe(self, room: RoomId, on_event: Callable[[LogEvent], None]) -> Subscription:
        if self.down:
            raise ConnectionError("no log")

        def deliver(event: LogEvent) -> None:
            if event.key not in self.loses:
                on_event(event)

        return await super().subscribe(room, deliver)

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        self.replays += 1
        await asyncio.sleep(0)
        events = Reset("restored") if self.forgot else await super().replay(room, after)
        if isinstance(events, list) and self.lagging:
            missing = self.lagging.pop(0)
            return events[: len(events) - missing]
        return events

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        found = await super().positions(rooms)
        return {room: replace(position, epoch="next") for room, position in found.items()} if self.forgot else found

    async def moved(self, cursors: Mapping[RoomId, LogPosition]) -> dict[RoomId, LogPosition]:
        found = await super().moved(cursors)
        await self.answers.wait()
        return found

    def on_gap(self, callback: Callable[[], None]) -> None:
        self.gap = callback


@dataclass(eq=False)
class Ear:
    """A member that remembers every frame; `broken` makes its socket raise."""

    dialect: Dialect = PLAIN
    person: User | None = None
    user_id: UserId | None = None
    frames: list[bytes] = field(default_factory=list)
    starts_over: int = 0
    broken: bool = False
    fd: int = NO_LANE
    heard_of: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def outlet(self) -> Outlet:
        return self

    def take_rest(self, burst: Burst, sent: int, /) -> None:
        raise NotImplementedError

    def take(self, burst: Burst, /) -> None:
        if self.broken:
            raise OSError("gone")
        self.frames += [part.frame for part in burst.parts]
        self.told.set()

    def start_over(self) -> None:
        self.starts_over += 1
        self.told.set()

    def concerned(self, what: str) -> None:
        self.heard_of.append(what)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        messages = [json.loads(frame[4 if frame[1] == 126 else 2 :]) for frame in self.frames]
        return [(message[3], message[4]) for message in messages]

    @property
    def numbers(self) -> list[int]:
        """Which events it heard; fails unless each follows the one before it."""
        heard = [payload for name, payload in self.events if name == "chat"]
        for before, after in itertools.pairwise(heard):
            assert after["prev"] == before["seq"]
        return [payload["n"] for payload in heard]

    async def until(self, reached: Callable[[], bool]) -> None:
        """Return once `reached()`; what it looks at changes only when the ear is told something."""
        async with asyncio.timeout(20):
            while not reached():
                self.told.clear()
                await self.told.wait()


@pytest.fixture
def log() -> FaultyLog:
    return FaultyLog()


@pytest.fixture
def hub(log: FaultyLog) -> Hub:
    # For a flusher whose clock stands still nothing is expensive, and nothing has to wait.
    flusher = Flusher(now_s=lambda: 0.0)
    return Hub(log, MemoryBus(), Metrics(CollectorRegistry()), device_seen=nobody_cares, flusher=flusher)


def nobody_cares(room_id: RoomId, device: str) -> None:
    del room_id, device


async def append(log: MemoryLog, *numbers: int) -> None:
    for number in numbers:
        await log.append(ROOM, encode_record("chat", {"n": number}), key=f"k{number}")


async def listening(hub: Hub, ear: Ear) -> RoomFeed:
    feed = await hub.attach(ROOM, ear)
    feed.release(ear, feed.position)
    return feed


async def test_events_arrive_in_order_and_linked(hub: Hub, log: FaultyLog) -> None:
    await append(log, 1)
    ear = Ear()
    await listening(hub, ear)
    await append(log, 2, 3, 4)
    assert ear.numbers == [2, 3, 4]


async def test_an_event_is_encoded_once_for_each_dialect(hub: Hub, log: FaultyLog) -> None:
    first, second, old, older = Ear(), Ear(), Ear(plain(V1)), Ear(plain(V1))
    for ear in (first, second, old, older):
        await listening(hub, ear)
    await append(log, 1)
    assert first.frames[0] is second.frames[0]
    assert old.frames[0] is older.frames[0]
    assert old.frames[0] != first.frames[0]


async def test_nothing_is_heard_before_the_release_and_nothing_is_missed_after_it(hub: Hub, log: FaultyLog) -> None:
    await append(log, 1)
    ear = Ear()
    feed = await hub.attach(ROOM, ear)
    position = feed.position
    await append(log, 2, 3)
    assert ear.frames == []
    feed.release(ear, position)
    await append(log, 4)
    assert ear.numbers == [2, 3, 4]


async def test_a_lost_event_is_replayed_before_the_next_is_written(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.loses = {"k2", "k3"}
    await append(log, 2, 3, 4, 5)
    await ear.until(lambda: ear.numbers == [1, 2, 3, 4, 5])
    assert log.replays == 1


async def test_a_lost_last_event_is_found_by_comparing_positions(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.loses = {"k2"}
    await append(log, 2)
    assert ear.numbers == [1]
    for _ in range(CHECK_TICKS):
        hub.tick()
    await ear.until(lambda: ear.numbers == [1, 2])


async def test_a_gap_that_the_log_tells_of_is_repaired_at_once(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.loses = {"k2"}
    await append(log, 2)
    log.gap()
    await ear.until(lambda: ear.numbers == [1, 2])


async def test_a_gap_during_a_look_is_looked_at_once_more(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.answers.clear()
    hub.checks.look()
    await asyncio.sleep(0)  # it reads where the room stands
    log.loses = {"k2"}
    await append(log, 2)
    log.gap()
    hub.checks.look()
    log.answers.set()
    await ear.until(lambda: ear.numbers == [1, 2])


async def test_a_replay_from_a_follower_that_lags_is_asked_for_again(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.loses, log.lagging = {"k2", "k3"}, [3, 2]
    await append(log, 2, 3, 4)
    await ear.until(lambda: ear.numbers == [1, 2, 3, 4])
    assert log.replays == 3


async def test_events_during_a_repair_wait_for_it(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.loses, log.lagging = {"k2"}, [2]
    await append(log, 2, 3)
    await append(log, *range(4, 1_500))  # more than may wait: forgotten here, found in the log
    await ear.until(lambda: ear.numbers == list(range(1, 1_500)))


async def test_when_the_log_does_not_know_any_more_everybody_starts_over(hub: Hub, log: FaultyLog) -> None:
    ear, joining = Ear(), Ear()
    feed = await listening(hub, ear)
    await hub.attach(ROOM, joining)
    await append(log, 1)
    log.loses, log.forgot = {"k2"}, True
    await append(log, 2, 3)
    await ear.until(lambda: ear.starts_over > 0)
    assert (ear.numbers, ear.starts_over, joining.starts_over) == ([1], 1, 1)
    assert feed.since(LogPosition("next", 1, "k1")) is None


async def test_a_new_epoch_is_noticed_in_a_silent_room(hub: Hub, log: FaultyLog) -> None:
    ear = Ear()
    await listening(hub, ear)
    await append(log, 1)
    log.forgot = True
    hub.checks.look()
    await ear.until(lambda: ear.starts_over > 0)
    assert ear.starts_over == 1


async def test_one_socket_that_fails_does_not_keep_the_others_from_hearing(hub: Hub, log: FaultyLog) -> None:
    ears = [Ear(), Ear(broken=True), Ear()]
    for ear in ears:
        await listening(hub, ear)
    await append(log, 1, 2)
    assert [ear.numbers for ear in ears] == [[1, 2], [], [1, 2]]


async def test_a_log_that_does_not_answer_is_told_as_unavailable_and_tried_again(hub: Hub, log: FaultyLog) -> None:
    log.down = True
    with pytest.raises(Refusal, match="unavailable"):
        await hub.attach(ROOM, Ear())
    assert hub.statistics().rooms == 0
    log.down = False
    await hub.attach(ROOM, Ear())
    assert hub.statistics() == (1, 1)


async def test_the_last_to_leave_closes_the_room(hub: Hub, log: FaultyLog) -> None:
    ear, other = Ear(), Ear()
    await listening(hub, ear)
    await listening(hub, other)
    hub.detach(ROOM, ear)
    hub.detach(ROOM, ear)
    assert hub.listeners(ROOM) == 1
    hub.detach(ROOM, other)
    assert hub.statistics() == (0, 0)
    await append(log, 1)
    assert ear.frames == []


async def test_a_resume_past_the_tail_is_replayed_once_for_all(hub: Hub, log: FaultyLog) -> None:
    await append(log, 1, 2, 3, 4)
    feed = await hub.attach(ROOM, Ear())
    await append(log, 5)
    for after, expected in ((1, [2, 3, 4, 5]), (3, [4, 5]), (2, [3, 4, 5]), (5, [])):
        position = LogPosition("e", after, f"k{after}")
        await feed.reach(position)
        missed = feed.since(position)
        assert missed is not None
        assert [json.loads(event.payload)["n"] for event in missed] == expected
    assert log.replays == 1


@pytest.mark.parametrize(
    "after",
    [LogPosition("e", 0, ""), LogPosition("e", 3, "other"), LogPosition("old", 3, "k3"), LogPosition("e", 99, "k")],
)
async def test_a_position_that_the_log_does_not_know_needs_a_snapshot(
    hub: Hub, log: FaultyLog, after: LogPosition
) -> None:
    await append(log, 1, 2, 3, 4)
    feed = await hub.attach(ROOM, Ear())
    await feed.reach(after)
    assert feed.since(after) is None


async def test_more_than_the_tail_holds_needs_a_snapshot(hub: Hub, log: FaultyLog) -> None:
    await append(log, *range(1, 700))
    feed = await hub.attach(ROOM, Ear())
    await feed.reach(LogPosition("e", 1, "k1"))
    await feed.reach(LogPosition("e", 2, "k2"))
    assert feed.since(LogPosition("e", 1, "k1")) is None
    assert len(feed.since(LogPosition("e", 199, "k199")) or ()) == 500
    assert log.replays == 1


async def test_a_member_released_too_late_starts_over(hub: Hub, log: FaultyLog) -> None:
    await append(log, 1)
    ear = Ear()
    feed = await hub.attach(ROOM, ear)
    position = feed.position
    await append(log, *range(2, 700))
    feed.release(ear, position)
    assert (ear.starts_over, ear.frames) == (1, [])


def test_a_tail_is_bounded_by_bytes_too() -> None:
    tail = Tail(LogPosition("e", 0, ""), "room:7", max_bytes=1_000)
    for seq in range(1, 30):
        tail.append(LogEvent(ROOM, seq, seq - 1, "k", b'chat\n{"text":"%b"}' % (b"x" * 100)))
    missed = tail.since(tail.base)
    assert missed is not None
    assert sum(len(event.payload) for event in missed) <= 1_000
    assert 4 < len(missed) < 10


async def test_a_socket_in_the_room_and_its_view_keeps_the_newest_count_of_each(hub: Hub) -> None:
    written: list[bytes | memoryview] = []
    outbox = Outbox(written.append, lambda: None, limit_bytes=300, limit_s=5.0, now_s=lambda: 0.0)
    outbox.paused()
    for dialect in (PLAIN, view(V2)):
        feed = await listening(hub, Behind(dialect, socket=outbox))
    for count in range(5):
        feed.announce("listeners", b'{"count":%d}' % count, "listeners")
    outbox.resumed()
    said = b"".join(written)
    assert said.count(b'{"count":4}') == 2
    assert b'{"count":0}' not in said


@dataclass(eq=False)
class Behind(Ear):
    """A member on a real outbox."""

    socket: Outbox | None = None

    @property
    def outlet(self) -> Outlet:
        assert self.socket is not None
        return self.socket
