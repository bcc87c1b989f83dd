"""The in-process log stays within its bounds for all rooms together."""

from whatssound.adapters.memory import MemoryLog
from whatssound.bus.log import Reset
from whatssound.ids import RoomId


async def test_the_room_that_was_silent_for_longest_makes_way() -> None:
    log = MemoryLog("a", max_rooms=2)
    one = await log.append(RoomId(1), b"x", key="k")
    two = await log.append(RoomId(2), b"x", key="k")
    await log.append(RoomId(1), b"x", key="again")
    await log.append(RoomId(3), b"x", key="k")
    assert isinstance(await log.replay(RoomId(2), two), Reset)
    assert not isinstance(await log.replay(RoomId(1), one), Reset)
    assert log.statistics().rooms == 2


async def test_a_room_that_somebody_listens_to_stays() -> None:
    log = MemoryLog("a", max_rooms=2)
    one = await log.append(RoomId(1), b"x", key="k")
    await log.subscribe(RoomId(1), lambda _: None)
    for room in (2, 3, 4):
        await log.append(RoomId(room), b"x", key="k")
    assert not isinstance(await log.replay(RoomId(1), one), Reset)


async def test_all_rooms_together_stay_within_their_bytes() -> None:
    log = MemoryLog("a", max_bytes=20_000)
    await log.subscribe(RoomId(1), lambda _: None)
    for number in range(40):
        await log.append(RoomId(number % 4), b"x" * 1_000, key=str(number))
        assert log.statistics().bytes <= 20_000
    assert log.statistics().appended == 40
