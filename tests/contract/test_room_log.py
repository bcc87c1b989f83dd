"""What every RoomLog must do, wherever the events are kept."""

from collections.abc import Callable

import pytest

from whatssound.adapters.memory import MemoryLog
from whatssound.bus.log import LogEvent, LogPosition, Reset, RoomLog
from whatssound.ids import RoomId

ROOM, OTHER = RoomId(1), RoomId(2)
KEPT = 5
"""Events a room keeps in the logs that are made here."""

KEPT_BYTES = 4_000

MakeLog = Callable[[], RoomLog]


@pytest.fixture(params=["memory"])
def make_log() -> MakeLog:
    epochs = iter("abcdefgh")
    return lambda: MemoryLog(next(epochs), max_events=KEPT, max_room_bytes=KEPT_BYTES, max_rooms=3)


@pytest.fixture
def log(make_log: MakeLog) -> RoomLog:
    return make_log()


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


async def test_subscribers_see_what_is_appended_from_now_on_linked_by_prev(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    [before] = await appended(log, "a")
    await log.subscribe(ROOM, seen.append)
    await appended(log, "x", room=OTHER)
    await appended(log, "b", "c")
    assert [event.key for event in seen] == ["b", "c"]
    assert [event.prev for event in seen] == [before.seq, seen[0].seq]
    assert {event.record for event in seen} == {b"chat\n{}"}


async def test_the_first_event_has_no_predecessor(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    await log.subscribe(ROOM, seen.append)
    await appended(log, "a")
    assert seen[0].prev == 0


async def test_all_subscribers_see_the_same_order(log: RoomLog) -> None:
    one: list[LogEvent] = []
    two: list[LogEvent] = []
    await log.subscribe(ROOM, one.append)
    await log.subscribe(ROOM, two.append)
    await appended(log, "a", "b", "c")
    assert one == two
    assert len(one) == 3


async def test_a_closed_subscription_hears_nothing_and_may_be_closed_again(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    subscription = await log.subscribe(ROOM, seen.append)
    subscription.close()
    subscription.close()
    await appended(log, "a")
    assert seen == []


async def test_a_subscription_may_be_closed_from_another_ones_callback(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    subscriptions = []
    await log.subscribe(ROOM, lambda _: subscriptions[0].close())
    subscriptions.append(await log.subscribe(ROOM, seen.append))
    await appended(log, "a", "b")
    assert seen == []


async def test_a_known_key_stores_and_delivers_nothing_and_answers_its_first_position(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    await log.subscribe(ROOM, seen.append)
    first, _, again = await appended(log, "a", "b", "a")
    assert again == first
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
    before, now = make_log(), make_log()
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
    assert log.statistics().events == KEPT


async def test_what_is_trimmed_by_bytes_is_a_reset(log: RoomLog) -> None:
    positions = [await log.append(ROOM, b"x" * 1_500, key=key) for key in "abc"]
    assert await replayed(log, positions[0]) is None
    assert await replayed(log, positions[1]) == ["c"]
    assert log.statistics().bytes <= KEPT_BYTES


async def test_one_event_larger_than_the_bound_is_still_delivered(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    await log.subscribe(ROOM, seen.append)
    position = await log.append(ROOM, b"x" * (KEPT_BYTES + 1), key="a")
    assert [event.seq for event in seen] == [position.seq]
    assert await replayed(log, position) == []


async def test_links_hold_across_trimmed_events(log: RoomLog) -> None:
    seen: list[LogEvent] = []
    await log.subscribe(ROOM, seen.append)
    await appended(log, *"abcdefghij")
    assert [event.prev for event in seen[1:]] == [event.seq for event in seen[:-1]]


async def test_statistics_tell_what_is_held(log: RoomLog) -> None:
    await appended(log, "a", "b", "b")
    await appended(log, "x", room=OTHER)
    held = log.statistics()
    assert (held.rooms, held.events, held.appended) == (2, 3, 3)
    assert held.bytes > 3 * len(b"chat\n{}")
