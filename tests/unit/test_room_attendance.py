"""Who is in a room: each process knows its own people, and together they are one list."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from unit.test_hub_feed import Ear, nobody_cares
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.gateway.attendance import Attendance
from whatssound.gateway.audience import SILENT_S
from whatssound.gateway.hub import AUDIENCE_TICKS, TICK_S, Hub
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId, UserId
from whatssound.wire.events import User

ROOM = RoomId(7)


@dataclass(eq=False)
class Somebody:
    person: User | None


IDS = st.one_of(st.none(), st.integers(1, 9))


@given(st.lists(st.tuples(st.booleans(), IDS)), st.integers(0, 9), st.integers(1, 4))
def test_a_page_is_what_everybodys_sorted_ids_say(moves: list[tuple[bool, int | None]], after: int, limit: int) -> None:
    attendance, there = Attendance(), list[tuple[int | None, Somebody]]()
    for comes, id in moves:
        if comes or not there:
            somebody = Somebody(None if id is None else User(str(id), "x"))
            attendance.enter(None if id is None else UserId(id), somebody)
            there.append((id, somebody))
        else:
            gone, somebody = there.pop((id or 0) % len(there))
            attendance.leave(None if gone is None else UserId(gone), somebody)
    people = {id for id, _ in there if id is not None}
    page = attendance.page(UserId(after), limit)
    assert [int(person.id) for person in page] == sorted(id for id in people if id > after)[:limit]
    assert len(attendance) == sum(id is not None for id, _ in there)


def test_who_leaves_without_having_come_takes_nobody_along() -> None:
    attendance, ana = Attendance(), Somebody(User("1", "Ana"))
    attendance.enter(UserId(1), ana)
    attendance.leave(UserId(1), Somebody(User("1", "Ana")))
    attendance.leave(UserId(2), ana)
    assert len(attendance) == 1


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def now_s(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hub(name: str, bus: MemoryBus, clock: Clock) -> Hub:
    metrics = Metrics(CollectorRegistry())
    made = Hub(MemoryLog("e"), bus, metrics, device_seen=nobody_cares, now_s=clock.now_s, node=name)
    # Started, but for the timer: ticks are the test's to turn.
    made._hearing = bus.subscribe("listeners", made._told_of_audience)
    made._roll_call.start()
    return made


def somebody(id: int | None, name: str = "") -> Ear:
    return Ear(user_id=None if id is None else UserId(id), person=None if id is None else User(str(id), name))


async def names(asked: Hub, after: int = 0, limit: int = 10) -> list[str]:
    return [person.name for person in await asked.people(ROOM, UserId(after), limit)]


async def test_people_of_all_processes_are_one_list_and_each_is_named_once(clock: Clock) -> None:
    bus = MemoryBus()
    one, two, three = (hub(name, bus, clock) for name in ("one", "two", "three"))
    for where, id, name in ((one, 4, "Dan"), (two, 1, "Ana"), (two, 3, "Cid"), (one, 2, "Ben"), (three, 1, "Ana")):
        await where.attach(ROOM, somebody(id, name))
    await three.attach(ROOM, somebody(None))
    for each in (one, two, three):
        each.tick()
    for each in (one, two, three):
        assert await names(each) == ["Ana", "Ben", "Cid", "Dan"]
        assert each.listeners(ROOM) == 6
        assert await names(each, after=1, limit=2) == ["Ben", "Cid"]


async def test_who_comes_and_goes_is_seen_from_elsewhere_within_a_tick(clock: Clock) -> None:
    """A tick is a quarter of a second, of the two that are promised."""
    bus = MemoryBus()
    one, two = hub("one", bus, clock), hub("two", bus, clock)
    people = [somebody(id, f"n{id}") for id in range(1, 6)]
    for person in people:
        await two.attach(ROOM, person)
    two.tick()
    assert (one.listeners(ROOM), len(await names(one))) == (5, 5)
    for person in people[1:]:
        two.detach(ROOM, person)
    two.tick()
    assert (one.listeners(ROOM), await names(one)) == (1, ["n1"])
    two.detach(ROOM, people[0])
    two.tick()
    assert (one.listeners(ROOM), await names(one)) == (0, [])


async def test_the_people_of_a_lost_process_are_gone_at_once_and_not_counted_after_13_s(clock: Clock) -> None:
    """The worst case: it told all its counts a moment before it was lost."""
    bus = MemoryBus()
    one, two = hub("one", bus, clock), hub("two", bus, clock)
    await one.attach(ROOM, somebody(1, "Ana"))
    await two.attach(ROOM, somebody(2, "Ben"))
    assert await names(one) == ["Ana", "Ben"]
    two._roll_call.close()  # and it ticks no more
    assert await names(one) == ["Ana"]
    while one.listeners(ROOM) > 1:
        clock.s += TICK_S
        one.tick()
        assert clock.s <= 13
    assert clock.s > SILENT_S > 2 * AUDIENCE_TICKS * TICK_S


async def test_a_process_that_lives_stays_counted(clock: Clock) -> None:
    bus = MemoryBus()
    one, two = hub("one", bus, clock), hub("two", bus, clock)
    await two.attach(ROOM, somebody(2, "Ben"))
    for _ in range(200):
        clock.s += TICK_S
        one.tick()
        two.tick()
        assert one.listeners(ROOM) == 1


async def test_who_signs_in_is_listed_from_then_on(clock: Clock) -> None:
    here = hub("one", MemoryBus(), clock)
    reader = somebody(None)
    await here.attach(ROOM, reader)
    assert await names(here) == []
    reader.user_id, reader.person = UserId(3), User("3", "Cid")
    here.recognised(ROOM, reader, None)
    assert await names(here) == ["Cid"]
    here.detach(ROOM, reader)
    assert await names(here) == []
