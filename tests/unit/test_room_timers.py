"""One alarm clock for all rooms."""

import asyncio

from room_builders import T0, ManualClock
from whatssound.bus.timeline import Timeline
from whatssound.ids import RoomId
from whatssound.rooms.timers import Timers

ONE, TWO, THREE = RoomId(1), RoomId(2), RoomId(3)


def test_rooms_come_when_they_are_due_the_earliest_first_and_once() -> None:
    timers = Timers(ManualClock())
    timers.arm(ONE, T0 + 30)
    timers.arm(TWO, T0 + 10)
    timers.arm(THREE, T0 + 99)
    assert timers.due(T0 + 9) == []
    assert timers.due(T0 + 30) == [TWO, ONE]
    assert timers.due(T0 + 30) == []
    assert len(timers) == 1


def test_arming_again_replaces_and_none_disarms() -> None:
    timers = Timers(ManualClock())
    timers.arm(ONE, T0 + 10)
    timers.arm(ONE, T0 + 50)
    timers.arm(TWO, T0 + 10)
    timers.arm(TWO, None)
    timers.arm(TWO, None)
    assert timers.due(T0 + 20) == []
    assert not timers.is_armed(TWO)
    assert timers.due(T0 + 50) == [ONE]


def test_a_room_that_is_put_off_for_ever_costs_no_memory() -> None:
    timers = Timers(ManualClock())
    for at in range(10_000):
        timers.arm(ONE, T0 + at)
    assert timers.backlog < 200
    assert timers.due(T0 + 20_000) == [ONE]


async def test_the_clock_rings_by_itself_and_notices_an_earlier_alarm() -> None:
    timeline = Timeline()
    timers = Timers(timeline.now_ms)
    rung: asyncio.Queue[RoomId] = asyncio.Queue()
    running = asyncio.ensure_future(timers.run(rung.put_nowait))
    timers.arm(ONE, timeline.now_ms() + 3_600_000)
    await asyncio.sleep(0)
    timers.arm(TWO, timeline.now_ms() + 1)
    assert await rung.get() == TWO
    assert timers.is_armed(ONE)
    running.cancel()
    await asyncio.wait([running])
