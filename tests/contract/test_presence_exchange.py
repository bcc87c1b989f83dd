"""Who is present, told from process to process: whatever the bus, and whatever it loses."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import nats_rig
from nats_rig import PATIENCE_S, until
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.nats import NatsBus
from whatssound.bus.bus import Bus, BusStatistics
from whatssound.bus.log import Subscription
from whatssound.presence.exchange import Exchange, Present
from whatssound.presence.messages import Whole, decode_message
from whatssound.presence.replica import SILENT_S

TOPIC = "realtime:public:lobby"
LOOK_S = 0.02
"""Instead of a second, so that digests come 12 times a second."""

NATS_BYTES = 1 << 20


def everything_leaves(topic: str, message: bytes) -> list[bytes]:
    return [message]


def nothing_leaves(topic: str, message: bytes) -> list[bytes]:
    return []


class Ways:
    """A process's end of the bus; a test decides what becomes of a message that leaves here."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.fate = everything_leaves
        self.largest_bytes = 0

    def publish(self, topic: str, message: bytes) -> None:
        self.largest_bytes = max(self.largest_bytes, len(message))
        for each in self.fate(topic, message):
            self._bus.publish(topic, each)

    def subscribe(self, topic: str, on_message: Callable[[bytes], None]) -> Subscription:
        return self._bus.subscribe(topic, on_message)

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        return await self._bus.request(topic, message, timeout_s=timeout_s)

    def answer(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Subscription:
        return self._bus.answer(topic, handler)

    async def flush(self) -> None:
        await self._bus.flush()

    def statistics(self) -> BusStatistics:
        return self._bus.statistics()


class Process:
    """One process with the topic open."""

    def __init__(self, bus: Bus, name: str, life: int, wait_s: float) -> None:
        self.now_s = 0.0
        self.ways = Ways(bus)
        self.exchange = Exchange(self.ways, name, life=life, now_s=lambda: self.now_s, look_s=LOOK_S, wait_s=wait_s)
        self._present: Present | None = None

    @property
    def present(self) -> Present:
        if self._present is None:
            self._present = self.exchange.open(TOPIC, lambda: None)
        return self._present

    def leave(self) -> None:
        self.exchange.close(self.present)
        self._present = None

    def names(self) -> set[str]:
        """The bodies of all metas it knows of, as its clients are told."""
        telling = self.present.telling
        while telling.is_news:
            telling.tick()
        return {meta.body.decode() for meta in telling.metas()}

    def holds(self, *names: str) -> Callable[[], bool]:
        return lambda: self.names() == {f'{{"is":"{name}"}}' for name in names}

    def track(self, member: int, name: str) -> None:
        self.present.track(member, "key", f'{{"is":"{name}"}}'.encode())


Start = Callable[..., Awaitable[Process]]


@pytest.fixture(params=["memory", "nats"])
async def start(request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    lives = itertools.count(1)
    async with contextlib.AsyncExitStack() as stack:
        memory, name = MemoryBus(), nats_rig.new_name()

        async def started(node: str, *, wait_s: float = PATIENCE_S) -> Process:
            bus: Bus = memory
            if request.param == "nats":
                server = request.getfixturevalue("nats_server")
                connection = await stack.enter_async_context(nats_rig.connected([server]))
                bus = NatsBus(connection, name=name)
            process = Process(bus, node, next(lives), wait_s)
            await process.exchange.start()
            await bus.flush()
            stack.push_async_callback(process.exchange.stop)
            return process

        yield started


async def acquainted(*processes: Process) -> None:
    """Return once each has heard of all others."""
    await until(lambda: all(each.exchange.statistics().peers == len(processes) - 1 for each in processes))


async def test_what_is_tracked_in_one_process_is_known_in_all(start: Start) -> None:
    one, other = await start("one"), await start("other")
    assert one.names() == other.names() == set()
    one.track(1, "ana")
    other.track(1, "leo")
    for process in (one, other):
        await until(process.holds("ana", "leo"))
    one.track(1, "ana, resting")
    other.present.untrack(1)
    for process in (one, other):
        await until(process.holds("ana, resting"))


async def test_who_opens_a_topic_knows_at_once_who_is_there(start: Start) -> None:
    one, other, newcomer = await start("one"), await start("other"), await start("newcomer")
    await acquainted(one, other, newcomer)
    one.track(1, "ana")  # not said to anybody yet
    other.exchange.open("realtime:public:another", lambda: None)
    await newcomer.present.known()
    assert newcomer.holds("ana")()
    assert newcomer.exchange.statistics().late == 0, "a process without the topic says so"


async def test_nobody_waits_for_a_process_that_does_not_answer(start: Start) -> None:
    one, other = await start("one"), await start("other", wait_s=0.05)
    await acquainted(one, other)
    one.ways.fate = nothing_leaves
    await other.present.known()
    assert other.exchange.statistics().late == 1


@pytest.mark.parametrize("fate", ["lost", "repeated", "late"])
async def test_a_message_may_be_lost_come_twice_or_late(start: Start, fate: str) -> None:
    one, other = await start("one"), await start("other")
    assert other.names() == set()
    one.track(1, "ana")
    await until(other.holds("ana"))
    held: list[bytes] = []

    def planted(topic: str, message: bytes) -> list[bytes]:
        if TOPIC not in topic or held:
            return [message]
        held.append(message)
        return {"lost": [], "repeated": [message, message], "late": []}[fate]

    one.ways.fate = planted
    one.present.untrack(1)
    await until(lambda: len(held) == 1)
    one.track(2, "leo")
    await until(other.holds("leo"))
    if fate == "late":
        one.ways.publish(f"presence:{TOPIC}", held[0])
        one.track(3, "kim")
        await until(other.holds("leo", "kim"))


async def test_the_last_message_of_all_may_be_lost(start: Start) -> None:
    one, other = await start("one"), await start("other")
    assert other.names() == set()
    one.track(1, "ana")
    await until(other.holds("ana"))
    lost: list[bytes] = []

    def planted(topic: str, message: bytes) -> list[bytes]:
        if TOPIC not in topic or lost:
            return [message]
        lost.append(message)
        return []

    one.ways.fate = planted
    one.present.untrack(1)
    await until(lambda: bool(lost))
    await until(other.holds())


async def test_a_topic_is_left_unheard_and_opened_again(start: Start) -> None:
    one, other = await start("one"), await start("other")
    assert other.names() == set()
    one.track(1, "ana")
    await until(other.holds("ana"))
    one.ways.fate = nothing_leaves
    one.leave()
    one.ways.fate = everything_leaves
    one.track(2, "leo")
    await until(other.holds("leo"))


async def test_a_process_that_stops_takes_its_people_along_at_once(start: Start) -> None:
    one, other = await start("one"), await start("other")
    one.track(1, "ana")
    other.track(1, "leo")
    await until(other.holds("ana", "leo"))
    await one.exchange.stop()
    await until(other.holds("leo"))


async def test_a_process_that_starts_again_has_nobody(start: Start) -> None:
    one, other = await start("one"), await start("other")
    one.track(1, "ana")
    other.track(1, "leo")
    await until(other.holds("ana", "leo"))
    one.ways.fate = nothing_leaves  # killed
    again = await start("one")
    await until(other.holds("leo"))
    again.track(1, "ana again")
    await until(other.holds("leo", "ana again"))


async def test_who_comes_back_to_another_process_is_not_there_twice(start: Start) -> None:
    one, other = await start("one"), await start("other")
    one.track(1, "ana")
    await until(other.holds("ana"))
    assert one.present.leave_behind(1)
    other.track(1, "ana again")
    for process in (one, other):
        await until(process.holds("ana again"))


async def test_a_process_that_falls_silent_loses_exactly_its_people_until_it_speaks_again(start: Start) -> None:
    one, other, third = await start("one"), await start("other"), await start("third")
    for process, name in ((one, "ana"), (other, "leo"), (third, "kim")):
        process.track(1, name)
    for process in (one, other, third):
        await until(process.holds("ana", "leo", "kim"))
    one.ways.fate = nothing_leaves
    await until(other.holds("ana", "leo", "kim"))
    for _ in range(int(SILENT_S) + 1):
        # Those who can be heard are, second by second.
        for process in (other, third):
            before = process.exchange.looks
            await until(lambda process=process, before=before: process.exchange.looks > before + 4)
        for process in (other, third):
            process.now_s += 1.0
    for process in (other, third):
        await until(process.holds("leo", "kim"))
    assert other.exchange.statistics().lost == 1
    one.ways.fate = everything_leaves
    for process in (one, other, third):
        await until(process.holds("ana", "leo", "kim"))


async def test_ten_thousand_are_told_in_messages_that_a_bus_can_carry(start: Start) -> None:
    one, newcomer = await start("one"), await start("newcomer")
    await acquainted(one, newcomer)
    held: list[bytes] = []

    def by_hand(topic: str, message: bytes) -> list[bytes]:
        if TOPIC not in topic:
            return [message]
        held.append(message)
        return []

    def is_last(message: bytes) -> bool:
        said = decode_message(message)
        return isinstance(said, Whole) and said.part == said.parts - 1

    one.ways.fate = by_hand
    for member in range(1, 10_001):
        one.track(member, f"{member:0200}")
    opened = newcomer.present
    await until(lambda: any(is_last(message) for message in held))
    one.ways.fate = everything_leaves
    one.ways.publish(f"presence:{TOPIC}", held[0])
    await until(lambda: len(opened.replica.tracker) > 0)
    assert not opened.complete.is_set(), "more follows"
    for message in held[1:]:
        one.ways.publish(f"presence:{TOPIC}", message)
    await opened.known()
    assert len(opened.replica.tracker) == 10_000
    assert 100_000 < one.ways.largest_bytes < NATS_BYTES / 2
