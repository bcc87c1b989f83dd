"""Many who ask the same cost one query; too many are told so."""

import asyncio

import pytest

from whatssound.ids import RoomId
from whatssound.messages.coalesce import SingleFlight
from whatssound.messages.gate import Gate
from whatssound.wire.errors import Refusal


class Slow:
    """A read that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.begun += 1
        return await self.answer


async def begun(*asking: "asyncio.Task[str]") -> None:
    """Let tasks run until each of them waits."""
    for _ in asking:
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_all_who_ask_meanwhile_share_one_read() -> None:
    flights: SingleFlight[str, int, str] = SingleFlight()
    slow = Slow()
    asking = [asyncio.ensure_future(flights.get("room", 1, slow)) for _ in range(10)]
    await begun(*asking)
    slow.answer.set_result("page")
    assert await asyncio.gather(*asking) == ["page"] * 10
    assert (slow.begun, len(flights)) == (1, 0)


async def test_other_keys_and_other_groups_read_for_themselves() -> None:
    flights: SingleFlight[str, int, str] = SingleFlight()
    slow = Slow()
    asking = [asyncio.ensure_future(flights.get(group, key, slow)) for group, key in (("a", 1), ("a", 2), ("b", 1))]
    await begun(*asking)
    slow.answer.set_result("page")
    await asyncio.gather(*asking)
    assert slow.begun == 3


async def test_whoever_asks_after_a_write_does_not_share_the_read_before_it() -> None:
    flights: SingleFlight[str, int, str] = SingleFlight()
    old, new = Slow(), Slow()
    first = asyncio.ensure_future(flights.get("room", 1, old))
    await begun(first)
    flights.forget("room")
    second = asyncio.ensure_future(flights.get("room", 1, new))
    await begun(second)
    old.answer.set_result("old")
    new.answer.set_result("new")
    assert (await first, await second) == ("old", "new")
    assert len(flights) == 0


async def test_an_error_goes_to_all_who_shared_and_to_nobody_after() -> None:
    flights: SingleFlight[str, int, str] = SingleFlight()
    slow, again = Slow(), Slow()
    asking = [asyncio.ensure_future(flights.get("room", 1, slow)) for _ in range(3)]
    await begun(*asking)
    slow.answer.set_exception(OSError("no"))
    assert [type(answer) for answer in await asyncio.gather(*asking, return_exceptions=True)] == [OSError] * 3
    again.answer.set_result("page")
    assert await flights.get("room", 1, again) == "page"


async def test_one_who_gives_up_does_not_end_it_for_the_others() -> None:
    flights: SingleFlight[str, int, str] = SingleFlight()
    slow = Slow()
    impatient, patient = (asyncio.ensure_future(flights.get("room", 1, slow)) for _ in range(2))
    await begun(impatient, patient)
    impatient.cancel()
    slow.answer.set_result("page")
    assert await patient == "page"


async def test_a_room_gets_so_many_queries_at_once_and_no_more_may_wait() -> None:
    gate = Gate(running=2, waiting=1)
    inside: list[int] = []
    done = asyncio.Event()

    async def query(number: int, room: int = 1) -> None:
        async with gate.query(RoomId(room)):
            inside.append(number)
            await done.wait()

    running = [asyncio.ensure_future(query(n)) for n in range(3)]
    await asyncio.sleep(0)
    assert inside == [0, 1]
    with pytest.raises(Refusal, match="overloaded"):
        await query(3)
    other = asyncio.ensure_future(query(4, room=2))
    await asyncio.sleep(0)
    assert inside == [0, 1, 4]
    done.set()
    await asyncio.gather(*running, other)
    assert sorted(inside) == [0, 1, 2, 4]
    assert gate.refused == 1
