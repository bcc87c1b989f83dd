"""The SDK's pure rules: positions, waits, server time, and the view of a room."""

import json

import pytest

from lying_server import join_reply
from whatssound.client.clock import KEPT, ClockFilter, LeapWatch
from whatssound.client.cursor import Cursor
from whatssound.client.errors import Gap, Repeated
from whatssound.client.happenings import Joined, Unknown, decode_reply, event_of
from whatssound.client.listening import WAITING_EVENTS, Events
from whatssound.client.view import KEPT_MESSAGES, RoomView
from whatssound.client.waits import CONNECT_MS, renew_after_s, wait_after_close_ms, wait_ms
from whatssound.wire.clock import Exchange
from whatssound.wire.commands import Position
from whatssound.wire.events import Chat, ChatDeleted, ChatEdited, Listeners, User

ANA = User("1", "Ana")


def at(seq: int) -> Cursor:
    return Cursor(Position("e", seq, f"k{seq}"))


def test_a_cursor_stands_at_the_last_event_that_followed() -> None:
    cursor = at(5)
    cursor.follow(seq=9, prev=5, key="k9")
    assert cursor.position == Position("e", 9, "k9")


@pytest.mark.parametrize(("seq", "prev", "problem"), [(7, 6, Gap), (5, 4, Repeated), (3, 2, Repeated)])
def test_a_cursor_does_not_move_for_what_does_not_follow(seq: int, prev: int, problem: type[Exception]) -> None:
    cursor = at(5)
    with pytest.raises(problem):
        cursor.follow(seq=seq, prev=prev, key="k")
    assert cursor.position.seq == 5


def test_waits_grow_and_are_scattered() -> None:
    assert wait_ms(CONNECT_MS, 1, 0) == 25
    assert wait_ms(CONNECT_MS, 1, 1) == 75
    assert wait_ms(CONNECT_MS, 99, 0.5) == 3_000


def test_what_the_server_asks_for_is_kept_and_scattered() -> None:
    assert wait_ms(CONNECT_MS, 1, 0, retry_after_ms=4_000) == 4_000
    assert wait_ms(CONNECT_MS, 1, 1, retry_after_ms=4_000) == 6_000


def test_a_restart_is_not_met_by_everybody_at_once() -> None:
    assert {wait_after_close_ms(1012, "", chance / 10) for chance in range(11)} == {
        chance * 200 for chance in range(11)
    }
    assert wait_after_close_ms(4008, "resume", 0.5) < 100
    assert wait_after_close_ms(4008, "resume retry_after_ms=420", 0.5) == 420
    assert wait_after_close_ms(1012, "restart retry_after_ms=9000000", 0.5) == 30_000


def test_a_token_is_renewed_at_80_percent_of_its_life() -> None:
    assert renew_after_s(3_600) == 2_880


def exchange(*, rtt: float, offset: float, at_ms: float) -> Exchange:
    """One whose way there took all of the time: its offset is wrong by half of it."""
    return Exchange(t1=at_ms - rtt, t2=at_ms + offset, t3=at_ms + offset, t4=at_ms)


def test_the_exchange_with_the_shortest_way_counts() -> None:
    clock = ClockFilter()
    assert clock.offset_ms(0) is None
    for rtt in (80, 2, 60):
        clock.add(exchange(rtt=rtt, offset=1_000, at_ms=rtt))
    assert clock.offset_ms(100) == 1_001
    assert clock.doubt_ms(2) == 1


def test_an_old_exchange_loses_to_drift_and_then_is_forgotten() -> None:
    clock = ClockFilter()
    clock.add(exchange(rtt=2, offset=1_000, at_ms=0))
    clock.add(exchange(rtt=10, offset=2_000, at_ms=1_000_000))
    assert clock.offset_ms(1_000_000) == 2_005
    for _ in range(KEPT):
        clock.add(exchange(rtt=100, offset=3_000, at_ms=1_000_001))
    assert clock.offset_ms(1_000_001) == 3_050


def test_an_exchange_whose_times_run_backwards_is_ignored() -> None:
    clock = ClockFilter()
    clock.add(Exchange(t1=10, t2=5, t3=4, t4=11))
    clock.add(Exchange(t1=10, t2=5, t3=7, t4=10))
    assert clock.offset_ms(0) is None


def test_after_a_leap_the_old_offset_holds_until_the_next_answer() -> None:
    clock, watch = ClockFilter(), LeapWatch(local_ms=0, wall_ms=500)
    clock.add(exchange(rtt=2, offset=1_000, at_ms=0))
    assert watch.leap_ms(local_ms=1_000, wall_ms=1_600) == 0
    leap_ms = watch.leap_ms(local_ms=2_000, wall_ms=12_600)
    assert leap_ms == 10_000
    clock.forget(2_000, leap_ms=leap_ms)
    assert clock.offset_ms(2_000) == 11_001
    assert watch.leap_ms(local_ms=3_000, wall_ms=13_600) == 0


def said(n: int) -> Chat:
    return Chat(id=str(n), user=ANA, text=f"t{n}", at_ms=n)


def view() -> RoomView:
    return RoomView(decode_reply(reply_bytes(1)))


def reply_bytes(seq: int) -> bytes:
    return json.dumps(join_reply(seq, reset=True)).encode()


def test_messages_are_kept_in_order_with_their_changes() -> None:
    room = view()
    for n in (3, 1, 2, 2):
        room.apply(said(n))
    room.apply(ChatEdited(id="2", edit_rev=2, text="new"))
    room.apply(ChatEdited(id="2", edit_rev=1, text="older"))
    room.apply(ChatDeleted(id="1", edit_rev=1))
    assert [(m.id, m.text, m.deleted) for m in room.messages] == [
        ("1", "", True),
        ("2", "new", False),
        ("3", "t3", False),
    ]


def test_only_the_newest_messages_are_kept() -> None:
    room = view()
    for n in range(1, KEPT_MESSAGES + 11):
        room.apply(said(n))
    assert [room.messages[0].id, len(room.messages)] == ["11", KEPT_MESSAGES]


def test_an_event_of_a_newer_server_is_handed_on_as_it_is() -> None:
    assert event_of("confetti", b'{"n":1}') == Unknown("confetti", {"n": 1})


async def test_a_slow_reader_loses_counts_first_and_then_starts_over() -> None:
    events = Events()
    for n in range(WAITING_EVENTS):
        events.put(said(n))
    events.put(Listeners(5))
    assert events.dropped == 1
    events.put(said(WAITING_EVENTS))
    assert await anext(events) == Joined(resumed=False)
    assert events.dropped == WAITING_EVENTS + 2


async def test_a_reader_gets_what_waits_before_the_end() -> None:
    events = Events()
    events.put(said(1))
    events.end()
    assert [event async for event in events] == [said(1)]
