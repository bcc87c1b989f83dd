"""The set history is what somebody would write down who watched the room all the time."""

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from room_builders import T0, after, room
from room_steps import rules, steps
from whatssound.rooms import commands
from whatssound.rooms.commands import Command
from whatssound.rooms.plays import MAX_CAUGHT_UP, Play, current, plays_between
from whatssound.rooms.room import Room, caught_up, decide, due_ms
from whatssound.wire.errors import Refusal

Steps = list[tuple[float, Command]]
durations = st.lists(st.just(0) | st.integers(500, 6_000), max_size=5)


def has_short_tracks(steps: Steps) -> bool:
    """Tracks of a few ms would be over more than 1,000 times within one step."""
    changed = [step.track.duration_ms for _, step in steps if isinstance(step, commands.TrackChanged)]
    added = [e.track.duration_ms for _, step in steps if isinstance(step, commands.AddEntries) for e in step.entries]
    return any(0 < ms < 500 for ms in (*changed, *added))


def tried(now: Room, command: Command, now_ms: float) -> Room:
    try:
        return decide(now, command, now_ms)
    except Refusal:
        return now


def noted_down(start: Room, steps: Steps, late_ms: float) -> list[Play]:
    """Watch every single change, at the moment it happens: a play is over when another entry begins."""
    now, now_ms, seen = start, T0, list[Play]()

    def change(command: Command, at_ms: float) -> None:
        nonlocal now
        changed = tried(now, command, at_ms)
        before, after = current(now), current(changed)
        began = (now.playback.entry_id, now.playback.began_ms) != (changed.playback.entry_id, changed.playback.began_ms)
        if before is not None and (began or after is None) and round(at_ms) > before.started_ms:
            entry = now.playback.entry
            assert entry is not None
            seen.append(Play(entry, before.started_ms, round(at_ms)))
        now = changed

    for waited_ms, command in [*steps, (late_ms, commands.Tick())]:
        now_ms += waited_ms
        while (at_ms := due_ms(now)) is not None and at_ms <= now_ms:
            change(commands.Tick(), at_ms)
        change(command, now_ms)
    return seen


def derived(start: Room, steps: Steps, late_ms: float) -> list[Play]:
    """Look only when something is asked, as a server does that was asleep in between."""
    now, now_ms, plays = start, T0, list[Play]()
    for waited_ms, command in [*steps, (late_ms, commands.Tick())]:
        now_ms += waited_ms
        changed = tried(now, command, now_ms)
        if changed.rev != now.rev:  # only then is anything saved
            plays += plays_between(now, changed, now_ms)
        now = changed
    return plays


@given(durations, rules, steps, st.floats(0, 60_000))
def test_derived_plays_are_those_that_a_watcher_notes_down(
    durations_ms: list[int], rule: str, steps: Steps, late_ms: float
) -> None:
    assume(not has_short_tracks(steps))
    start = room(*durations_ms, when_dj_gone=rule)
    assert derived(start, steps, late_ms) == noted_down(start, steps, late_ms)


@given(durations, rules, steps, st.floats(0, 60_000))
def test_plays_do_not_overlap_and_the_one_that_lasts_comes_last(
    durations_ms: list[int], rule: str, steps: Steps, late_ms: float
) -> None:
    start = room(*durations_ms, when_dj_gone=rule)
    plays = derived(start, steps, late_ms)
    for earlier, later in pairwise(plays):
        assert earlier.ended_ms is not None
        assert earlier.started_ms < earlier.ended_ms <= later.started_ms


@given(durations, steps, st.floats(0, 60_000), st.lists(st.floats(0, 1), max_size=4))
def test_looking_now_and_then_changes_nothing(
    durations_ms: list[int], steps: Steps, late_ms: float, looks: list[float]
) -> None:
    assume(not has_short_tracks(steps))
    start = room(*durations_ms)
    looked = [(late_ms * (b - a), commands.Tick()) for a, b in pairwise([0.0, *sorted(looks)])]
    rest_ms = late_ms - late_ms * max(looks, default=0.0)
    now_ms = sum((waited_ms for waited_ms, _ in [*steps, *looked]), start=T0) + rest_ms
    assume(now_ms == sum((waited_ms for waited_ms, _ in steps), start=T0) + late_ms)  # no rounding in between
    assert derived(start, [*steps, *looked], rest_ms) == derived(start, steps, late_ms)


def test_after_a_very_long_silence_the_newest_thousand_are_known() -> None:
    playing = after(room(10_000, 20_000, 15_000), (0, commands.Play(None)))
    late_ms = 10 * 3_600_000.0
    plays = derived(playing, [], late_ms)
    assert len(plays) == MAX_CAUGHT_UP
    assert plays == noted_down(playing, [], late_ms)[-MAX_CAUGHT_UP:]
    last = current(caught_up(playing, T0 + late_ms))
    assert last is not None
    assert plays[-1].ended_ms == last.started_ms


def test_a_year_of_silence_does_not_take_a_year() -> None:
    playing = after(room(1_000, 2_000), (0, commands.Play(None)))
    assert len(derived(playing, [], 365 * 24 * 3_600_000.0)) == MAX_CAUGHT_UP
