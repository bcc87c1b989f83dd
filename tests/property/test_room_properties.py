"""What holds for every room, whatever was asked of it and however long it was left alone."""

from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from room_builders import T0, after, room, without_revs
from room_steps import durations, rules, steps, transports, walked
from whatssound.rooms import commands
from whatssound.rooms.commands import Command
from whatssound.rooms.playback import position_at
from whatssound.rooms.queue import MAX_ENTRIES
from whatssound.rooms.room import Part, caught_up, changed_parts, decide, due_ms, parts_of
from whatssound.wire.errors import Refusal


def received(parts: dict[str, Part], event: Part) -> None:
    """What every client does with a part: ignore it unless its `rev` is newer."""
    known = parts.get(event.name)
    if known is None or event.rev > known.rev:
        parts[event.name] = event


@given(durations, rules, steps, st.data())
def test_old_parts_and_events_make_a_fresh_snapshot_however_they_arrive(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]], data: Any
) -> None:
    rooms, _ = walked(durations_ms, rule, steps)
    told = [part for old, new in pairwise(rooms) for part in changed_parts(old, new)]
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=5)) if told else []
    begin = data.draw(st.integers(0, len(rooms) - 1))
    parts = {part.name: part for part in parts_of(rooms[begin])}
    for event in data.draw(st.permutations(told + repeated)):
        received(parts, event)
    assert parts == {part.name: part for part in parts_of(rooms[-1])}


@given(durations, rules, steps, st.floats(0, 1e9), st.floats(0, 1e9))
def test_catching_up_in_two_steps_is_catching_up_in_one(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]], first_ms: float, then_ms: float
) -> None:
    rooms, now_ms = walked(durations_ms, rule, steps)
    between, late = now_ms + first_ms, now_ms + first_ms + then_ms
    assert caught_up(caught_up(rooms[-1], between), late) == caught_up(rooms[-1], late)


@given(durations, rules, steps, st.lists(st.floats(0, 30_000), max_size=6))
def test_ticking_on_the_way_sounds_the_same_as_one_look_at_the_end(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]], waits_ms: list[float]
) -> None:
    rooms, now_ms = walked(durations_ms, rule, steps)
    ticked = rooms[-1]
    for wait_ms in (0.0, *waits_ms):
        now_ms += wait_ms
        ticked = decide(ticked, commands.Tick(), now_ms)
    assert without_revs(ticked) == without_revs(caught_up(rooms[-1], now_ms))


@given(durations, rules, steps, transports)
def test_a_transport_command_done_twice_is_done_once(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]], command: commands.Transport
) -> None:
    rooms, now_ms = walked(durations_ms, rule, steps)
    try:
        once = decide(rooms[-1], command, now_ms)
    except Refusal:
        return
    if isinstance(command, commands.Play) and command.entry_id not in (None, once.playback.entry_id):
        return  # asked for a position at its end, so it was over within the same instant
    twice = decide(once, command, now_ms)
    assert twice == once


@given(durations, rules, steps)
def test_the_queue_keeps_its_promises(durations_ms: list[int], rule: str, steps: list[tuple[float, Command]]) -> None:
    rooms, _ = walked(durations_ms, rule, steps)
    for now in rooms:
        ids = [waiting.id for waiting in now.queue.entries]
        assert len(ids) <= MAX_ENTRIES
        assert len(set(ids)) == len(ids)
        assert now.playback.entry_id not in ids
        assert now.playback.entry is not None or not now.playback.playing


@given(durations, rules, steps)
@example([60_000], "auto_dj", [(0.0, commands.Play(None)), (0.0, commands.Forget("1"))])
def test_revs_only_grow_and_every_change_is_told(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]]
) -> None:
    rooms, _ = walked(durations_ms, rule, steps)
    for old, new in pairwise(rooms):
        assert new.rev in (old.rev, old.rev + 1)
        assert all(part.rev <= new.rev for part in parts_of(new))
        told = {part.name for part in changed_parts(old, new)}
        contents = {part.name: without_rev(part) for part in parts_of(old)}
        differing = {part.name for part in parts_of(new) if contents.get(part.name) != without_rev(part)}
        if new.playback.entry != old.playback.entry:
            differing.add("playback")  # also where only the name of who added it was forgotten, which is not shown
        assert told == differing


@given(durations, rules, steps)
def test_a_tick_when_the_room_is_due_always_changes_it(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]]
) -> None:
    rooms, now_ms = walked(durations_ms, rule, steps)
    current = caught_up(rooms[-1], now_ms)
    at_ms = due_ms(current)
    if at_ms is None:
        assert caught_up(current, now_ms + 1e9) == current
        return
    assert at_ms > now_ms
    assert decide(current, commands.Tick(), at_ms).rev == current.rev + 1


@given(durations, rules, steps)
def test_what_sounds_is_inside_its_track(
    durations_ms: list[int], rule: str, steps: list[tuple[float, Command]]
) -> None:
    rooms, now_ms = walked(durations_ms, rule, steps)
    shown = caught_up(rooms[-1], now_ms)
    if shown.playback.duration_ms is not None and shown.playback.playing:
        assert 0 <= position_at(shown.playback, now_ms) <= shown.playback.duration_ms


@settings(max_examples=25)
@given(st.lists(st.integers(1, 600_000), min_size=1, max_size=200), st.floats(0, 1e11))
def test_years_of_auto_dj_equal_the_rest_of_the_last_round(durations_ms: list[int], late_ms: float) -> None:
    playing = after(room(*durations_ms), (0, commands.Play(None)))
    # Everything is on the clock's grid of 2⁻¹² ms, so that no rounding hides in the comparison.
    round_ms, late_ms = sum(durations_ms), late_ms // 1
    late = caught_up(playing, T0 + late_ms)
    short = caught_up(playing, T0 + late_ms % round_ms)
    assert late.playback.entry_id == short.playback.entry_id
    assert position_at(late.playback, T0 + late_ms) == position_at(short.playback, T0 + late_ms % round_ms)


def without_rev(part: Part) -> tuple[str, object]:
    payload = part.payload
    return part.name, type(payload)(**{**{f: getattr(payload, f) for f in payload.__struct_fields__}, "rev": 0})
