"""What every RoomLog must do, wherever the events are kept."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import nats_rig
from contract.listening import Heard
from whatssound.adapters.memory import MemoryLog
from whatssound.adapters.nats import LogSettings, NatsLog
from whatssound.bus.log import LogEvent, LogPosition, LogStatistics, Reset, RoomLog
from whatssound.ids import RoomId

ROOM, OTHER = RoomId(1), RoomId(2)
KEPT = 5
"""Events a room keeps in the logs that are made here."""

KEPT_BYTES = 4_000

MakeLog = Callable[[], Awaitable[RoomLog]]


@pytest.fixture(params=["memory", "nats", "nats-r3"])
async def make_log(request: pytest.FixtureRequest) -> AsyncIterator[MakeLog]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "memory":
            epochs = iter("abcdefgh")

            async def in_memory() -> RoomLog:
                return MemoryLog(next(epochs), max_events=KEPT, max_room_bytes=KEPT_BYTES, max_rooms=3)

            yield in_memory
            return
        one = request.param == "nats"
        servers = [request.getfixturevalue("nats_server")] if one else request.getfixturevalue("nats_cluster")
        connection = await stack.enter_async_context(nats_rig.connected(servers))

        async def on_nats() -> RoomLog:
            name, replicas = nats_rig.new_name(), 1 if one else 3
            settings = LogSettings(name=name, replicas=replicas, max_events=KEPT, max_bytes=KEPT_BYTES)
            log = await nats_rig.opened_log(connection, settings)
            stack.push_async_callback(log.close)
            return log

        yield on_nats


@pytest.fixture
async def log(make_log: MakeLog) -> RoomLog:
    return await make_log()


async def statistics(log: RoomLog) -> LogStatistics:
    """What the log holds now: one that asks a server for it asks now."""
    if isinstance(log, NatsLog):
        await log.refresh()
    return log.statistics()


async def everything_arrived(log: RoomLog) -> None:
    """Return once everything that was appended by now has been delivered: order is kept over all rooms."""
    last: Heard[LogEvent] = Heard()
    subscription = await log.subscribe(RoomId(3), last.append)
    await log.append(RoomId(3), b"chat\n{}", key="the last one")
    await last.count(1)
    subscription.close()


async def appended(log: RoomLog, *keys: str, room: RoomId = ROOM) -> list[LogPosition]:
    return [await log.append(room, b"chat\n{}", key=key) for key in keys]


async def replayed(log: RoomLog, after: LogPosition, room: RoomId = ROOM) -> list[str] | None:
    """The keys of what came after, or None for a reset."""
    answer = await log.replay(room, after)
    return None if isinstance(answer, Reset) else [event.key for event in answer]


async def test_seq_grows_and_the_position_is_the_newest_event(log: RoomLog) -> None:
    one, two = await appended(log, "a", "b")
    assert (one.epoch, one.key, two.key) == (log.epoch, "a", "b")
    assert 0 < one.seq < two.seq
    assert await log.positions([ROOM, OTHER]) == {ROOM: two, OTHER: LogPosition(log.epoch, 0, "")}


async def test_a_room_that_moved_is_told_until_its_cursor_has_followed(log: RoomLog) -> None:
    [here], [there] = await appended(log, "1"), await appended(log, "1", room=OTHER)
    silent = LogPosition(log.epoch, 0, "")
    assert await log.moved({ROOM: here, OTHER: there, RoomId(3): silent}) == {}
    [newest] = await appended(log, "2", room=OTHER)
    for _ in range(3):
        assert await log.moved({ROOM: here, OTHER: there, RoomId(3): silent}) == {OTHER: newest}
    assert await log.moved({ROOM: here, OTHER: newest}) == {}
    assert await log.moved({ROOM: silent}) == {ROOM: here}
    assert await log.moved({}) == {}


async def test_a_room_in_another_epoch_counts_as_moved(log: RoomLog) -> None:
    [here] = await appended(log, "1")
    before = LogPosition("another", 99, "x")
    assert await log.moved({ROOM: before, OTHER: before}) == {ROOM: here, OTHER: LogPosition(log.epoch, 0, "")}


async def test_subscribers_see_what_is_appended_from_now_on_linked_by_prev(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    [before] = await appended(log, "a")
    await log.subscribe(ROOM, seen.append)
    await appended(log, "x", room=OTHER)
    await appended(log, "b", "c")
    await everything_arrived(log)
    assert [event.key for event in seen] == ["b", "c"]
    assert [event.prev for event in seen] == [before.seq, seen[0].seq]
    assert {event.record for event in seen} == {b"chat\n{}"}


async def test_the_first_event_has_no_predecessor(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, seen.append)
    await appended(log, "a")
    await everything_arrived(log)
    assert seen[0].prev == 0


async def test_all_subscribers_see_the_same_order(log: RoomLog) -> None:
    one: Heard[LogEvent] = Heard()
    two: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, one.append)
    await log.subscribe(ROOM, two.append)
    await appended(log, "a", "b", "c")
    await everything_arrived(log)
    assert one == two
    assert len(one) == 3


async def test_a_closed_subscription_hears_nothing_and_may_be_closed_again(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    subscription = await log.subscribe(ROOM, seen.append)
    subscription.close()
    subscription.close()
    await appended(log, "a")
    await everything_arrived(log)
    assert seen == []


async def test_a_subscription_may_be_closed_from_another_ones_callback(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    subscriptions = []
    await log.subscribe(ROOM, lambda _: subscriptions[0].close())
    subscriptions.append(await log.subscribe(ROOM, seen.append))
    await appended(log, "a", "b")
    await everything_arrived(log)
    assert seen == []


async def test_a_known_key_stores_and_delivers_nothing_and_answers_its_first_position(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, seen.append)
    first, _, again = await appended(log, "a", "b", "a")
    assert again == first
    await everything_arrived(log)
    assert [event.key for event in seen] == ["a", "b"]
    assert await replayed(log, first) == ["b"]


async def test_the_same_key_in_another_room_is_another_event(log: RoomLog) -> None:
    [one] = await appended(log, "a")
    [two] = await appended(log, "a", room=OTHER)
    assert one.seq != two.seq


async def test_replay_answers_everything_after_in_order(log: RoomLog) -> None:
    one, _, three = await appended(log, "a", "b", "c")
    await appended(log, "x", room=OTHER)
    assert await replayed(log, one) == ["b", "c"]
    assert await replayed(log, three) == []


async def test_replay_from_nothing_is_a_reset(log: RoomLog) -> None:
    assert await replayed(log, LogPosition(log.epoch, 0, "")) is None
    await appended(log, "a")
    assert await replayed(log, LogPosition(log.epoch, 0, "")) is None


async def test_replay_from_another_epoch_is_a_reset(make_log: MakeLog) -> None:
    before, now = await make_log(), await make_log()
    [old] = await appended(before, "a")
    [new] = await appended(now, "a")
    assert old.seq == new.seq
    assert await replayed(now, old) is None


async def test_replay_from_a_seq_with_another_key_is_a_reset(log: RoomLog) -> None:
    one, _ = await appended(log, "a", "b")
    assert await replayed(log, LogPosition(log.epoch, one.seq, "z")) is None
    assert await replayed(log, LogPosition(log.epoch, one.seq, "b")) is None


async def test_replay_from_another_rooms_position_or_the_future_is_a_reset(log: RoomLog) -> None:
    [one] = await appended(log, "a")
    [other] = await appended(log, "x", room=OTHER)
    assert await replayed(log, other) is None
    assert await replayed(log, LogPosition(log.epoch, one.seq + 100, "a")) is None
    assert await replayed(log, one, room=RoomId(99)) is None


async def test_what_is_trimmed_by_count_is_a_reset_and_the_rest_a_replay(log: RoomLog) -> None:
    positions = await appended(log, *"abcdefgh")
    assert await replayed(log, positions[7 - KEPT]) is None
    assert await replayed(log, positions[8 - KEPT]) == list("efgh")
    assert (await statistics(log)).events == KEPT


async def test_what_is_trimmed_by_bytes_is_a_reset(log: RoomLog) -> None:
    positions = [await log.append(ROOM, b"x" * 1_500, key=key) for key in "abc"]
    assert await replayed(log, positions[0]) is None
    assert await replayed(log, positions[1]) == ["c"]
    assert (await statistics(log)).bytes <= KEPT_BYTES


async def test_one_event_larger_than_the_bound_is_still_delivered(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, seen.append)
    position = await log.append(ROOM, b"x" * (KEPT_BYTES + 1), key="a")
    await everything_arrived(log)
    assert [event.seq for event in seen] == [position.seq]
    assert await replayed(log, position) in ([], None)


async def test_links_hold_across_trimmed_events(log: RoomLog) -> None:
    seen: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, seen.append)
    await appended(log, *"abcdefghij")
    await everything_arrived(log)
    assert [event.prev for event in seen[1:]] == [event.seq for event in seen[:-1]]


async def test_statistics_tell_what_is_held(log: RoomLog) -> None:
    await appended(log, "a", "b", "b")
    await appended(log, "x", room=OTHER)
    held = await statistics(log)
    assert (held.rooms, held.events, held.appended) == (2, 3, 3)
    assert held.bytes > 3 * len(b"chat\n{}")
