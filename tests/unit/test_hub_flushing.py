"""How a room's events are written to its crowd: at once, in ticks or in slices, and always in order."""

import pytest

from flush_rig import ROOM, Flushing, HandLoop, Listener
from whatssound.gateway.flusher import FULL_BYTES, SLICE_S
from whatssound.gateway.tick import LONGEST_TICK_S
from whatssound.ids import RoomId


@pytest.fixture
def rig() -> Flushing:
    return Flushing()


async def test_a_small_room_hears_every_event_at_once(rig: Flushing) -> None:
    listeners = await rig.crowd(5, cost_s=1e-5)
    for number in range(1, 20):
        await rig.say()
        assert listeners[-1].heard[-1] == number
        rig.loop.pass_time(0.02)


async def test_the_first_event_after_silence_goes_out_at_once_also_in_a_big_room(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    assert listeners[0].heard == [1]


async def test_a_busy_room_gathers_and_each_socket_gets_the_tick_in_one_write(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.pass_time(0.099)
    for _ in range(5):
        await rig.say()
    rig.loop.rest()
    assert [[len(write) for write in listener.writes] for listener in listeners] == [[1, 5]] * 100
    assert listeners[-1].heard == [1, 2, 3, 4, 5, 6]


async def test_flushing_takes_half_of_the_time_of_a_process_that_has_more_to_write_than_it_can(rig: Flushing) -> None:
    await rig.crowd(50, cost_s=1e-3)
    begun_s = rig.loop.now
    for turn in range(400):
        await rig.say()
        rig.loop.pass_time(0.01)
        if turn % 25 == 0:
            rig.flusher.look()
    share = rig.flusher.statistics().flush_s / (rig.loop.now - begun_s)
    assert 0.4 < share <= 0.52


async def test_a_control_event_takes_what_is_gathered_with_it_at_once(rig: Flushing) -> None:
    listeners = await rig.crowd(20, cost_s=1e-2)
    await rig.say()
    rig.loop.pass_time(0.2)
    await rig.say()
    await rig.say()
    assert listeners[0].heard == [1]
    await rig.say("playback")
    assert listeners[0].heard == [1, 2, 3, 4]
    assert len(listeners[0].writes) == 2
    rig.loop.rest()
    assert all(listener.heard == [1, 2, 3, 4] for listener in listeners)


async def test_a_flush_lets_the_loop_do_something_else_every_slice(rig: Flushing) -> None:
    await rig.crowd(1_000, cost_s=1e-5)
    await rig.say()
    rounds, longest_s = 0, 0.0
    while rig.loop.soon:
        begun_s = rig.loop.now
        rig.loop.turn()
        rounds, longest_s = rounds + 1, max(longest_s, rig.loop.now - begun_s)
    assert rounds >= 4
    assert longest_s < SLICE_S * 1.2


async def test_a_control_event_during_a_sliced_flush_overtakes_nothing_and_rides_along(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.turn()
    await rig.say()  # waits for the next tick, until …
    await rig.say("queue")
    rig.loop.rest()
    assert all(listener.heard == [1, 2, 3] for listener in listeners)
    assert len(listeners[0].writes) == 2
    assert len(listeners[-1].writes) == 1


async def test_who_is_released_during_a_sliced_flush_gets_everything_once(rig: Flushing) -> None:
    await rig.crowd(100, cost_s=1e-3)
    late = Listener(rig.loop)
    feed = await rig.hub.attach(ROOM, late)
    position = feed.position
    await rig.say()
    await rig.say()
    rig.loop.turn()
    feed.release(late, position)
    assert late.heard == [1, 2]
    await rig.say("playback")
    rig.loop.rest()
    assert late.heard == [1, 2, 3]


async def test_an_answer_overtakes_nothing_that_its_tick_has_gathered(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.pass_time(0.1)
    await rig.say()
    feed = await rig.hub.attach(ROOM, Listener(rig.loop))
    feed.catch_up(listeners[50])
    assert (listeners[50].heard, listeners[0].heard) == ([1, 2], [1])
    feed.catch_up(listeners[50])
    await rig.say("room")
    rig.loop.rest()
    assert all(listener.heard == [1, 2, 3] for listener in listeners)


async def test_a_position_in_the_middle_of_a_tick_is_exact(rig: Flushing) -> None:
    await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.pass_time(0.1)
    await rig.say()
    late = Listener(rig.loop)
    feed = await rig.hub.attach(ROOM, late)
    position = feed.position
    await rig.say()
    feed.release(late, position)
    await rig.say()
    rig.loop.rest()
    assert late.heard == [3, 4]


async def test_unlogged_events_are_gathered_too_and_can_be_told_apart(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.pass_time(0.1)
    feed = await rig.feed()
    feed.announce("typing", b'{"user":"x"}', "typing")
    await rig.say()
    rig.loop.rest()
    assert [[name for name, _ in write] for write in listeners[3].writes] == [["chat"], ["typing", "chat"]]


async def test_a_tick_that_is_full_goes_out(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    rig.loop.pass_time(0.1)
    while len(listeners[0].writes) == 1:
        await rig.say(padding="x" * 10_000)
    assert 6 <= len(listeners[0].writes[1]) <= FULL_BYTES // 10_000 + 1


async def test_a_busy_room_does_not_make_a_small_one_wait(rig: Flushing) -> None:
    small = await rig.crowd(10, cost_s=1e-5, room=RoomId(8))
    await rig.crowd(100, cost_s=1e-3)
    for turn in range(200):
        await rig.say()
        number = await rig.say(room=RoomId(8))
        assert small[-1].heard[-1] == number
        rig.loop.pass_time(0.01)
        if turn % 25 == 0:
            rig.flusher.look()


async def test_a_room_that_cannot_keep_up_sheds_chat_until_it_has_caught_up(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=0.02)
    await rig.say()
    rig.loop.rest()
    refused_ms = rig.hub.overload_ms(ROOM)
    assert 0 < refused_ms < 5_000
    rig.loop.pass_time(refused_ms / 1_000)
    assert rig.hub.overload_ms(ROOM) == 0
    begun_s = rig.loop.now
    await rig.say()
    rig.loop.turn()
    assert rig.loop.now - begun_s < LONGEST_TICK_S + 0.33  # a look at the clock every 16 writes of 20 ms
    rig.loop.rest()
    assert listeners[-1].heard == [1, 2]


async def test_a_machine_that_stood_still_during_a_flush_sheds_no_chat(rig: Flushing) -> None:
    await rig.crowd(1, cost_s=3.0)
    await rig.say()
    assert rig.hub.overload_ms(ROOM) == 0


async def test_while_a_room_is_overloaded_only_what_must_be_known_is_written(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=0.02)
    rig.hub.tick()
    await rig.say()
    rig.loop.rest()
    rig.hub.react(ROOM, "👏")
    for _ in range(4):
        rig.hub.tick()
    rig.loop.rest()
    assert [name for name, _ in listeners[0].events] == ["chat"]
    rig.loop.pass_time(10)
    for _ in range(4):
        rig.hub.tick()
    rig.loop.rest()
    assert [name for name, _ in listeners[0].events] == ["chat", "reactions", "listeners"]


async def test_whoever_leaves_during_a_flush_keeps_nobody_from_hearing(rig: Flushing) -> None:
    listeners = await rig.crowd(200, cost_s=1e-3)
    await rig.say()
    rig.loop.turn()
    for leaving in listeners[::2]:
        rig.hub.detach(ROOM, leaving)
    await rig.say()
    rig.loop.rest()
    assert all(listener.heard == [1, 2] for listener in listeners[1::2])


async def test_the_last_may_leave_during_a_flush(rig: Flushing) -> None:
    listeners = await rig.crowd(100, cost_s=1e-3)
    await rig.say()
    for leaving in listeners:
        rig.hub.detach(ROOM, leaving)
    rig.loop.rest()
    assert rig.hub.flushing().topics == 0
    again = await rig.crowd(3)
    number = await rig.say()
    assert again[0].heard == [number]


async def test_what_was_gathered_for_nobody_any_more_costs_nothing(rig: Flushing) -> None:
    listeners = await rig.crowd(2, cost_s=0.05)
    await rig.say()
    await rig.say()
    for leaving in listeners:
        rig.hub.detach(ROOM, leaving)
    rig.loop.rest()
    assert rig.hub.flushing().writes == 2


def test_a_loop_turned_by_hand_keeps_its_order() -> None:
    loop, done = HandLoop(), list[int]()
    loop.call_later(2.0, lambda: done.append(3))
    loop.call_later(1.0, lambda: done.append(2)).cancel()
    loop.call_soon(lambda: done.append(1))
    loop.rest()
    assert done == [1, 3]
