"""What the sync bench makes of a recording."""

import pytest

from output.apart import Command, Heard, Log, Reading, What, counted, pages_apart, settled_after_ms
from output.lag import Window

PAIR = frozenset((1, 2))
INFINITE = float("inf")


def heard(until_ms: int, apart_at: dict[range, float]) -> list[Heard]:
    """A window every 0.1 s: together, but for those that begin in one of the ranges; infinite means silence."""
    found = []
    for at_ms in range(0, until_ms, 100):
        apart_ms = next((apart_ms for when, apart_ms in apart_at.items() if at_ms in when), 0.0)
        state = "both" if apart_ms != INFINITE else "silent"
        found.append(Heard(at_ms, Window(at_ms / 1_000, state, apart_ms)))
    return found


def after(what: What, seen: list[Heard]) -> float:
    return settled_after_ms(Command(what, 1_000, PAIR), seen, 9_000)


def test_who_is_apart_for_two_seconds_has_settled_after_two() -> None:
    assert after("join", heard(9_000, {range(1_000, 3_000): 50.0})) == pytest.approx(2_000, abs=100)


def test_who_does_not_stay_together_for_a_second_has_not_settled() -> None:
    seen = heard(9_000, {range(1_000, 2_000): 50.0, range(2_900, 3_500): 30.0})
    assert after("join", seen) == pytest.approx(2_500, abs=100)
    assert after("join", heard(9_000, {range(1_000, 9_000): 21.0})) == INFINITE


def test_being_together_before_a_seek_takes_effect_does_not_count() -> None:
    assert after("seek", heard(9_000, {range(2_000, 3_000): INFINITE})) == pytest.approx(2_000, abs=100)


def test_after_a_pause_silence_is_what_is_waited_for() -> None:
    assert after("pause", heard(9_000, {range(1_500, 9_000): INFINITE})) == pytest.approx(500, abs=100)
    assert after("pause", heard(9_000, {})) == INFINITE


def test_what_counts_is_outside_of_grace_silence_and_absence() -> None:
    commands = [
        Command("pause", 10_000, PAIR),
        Command("resume", 20_000, PAIR),
        Command("join", 40_000, frozenset((2,))),
    ]
    log = Log(commands, [(2, 38_000, 40_000)], begins_ms=1_000, ends_ms=50_000)
    seconds = {int(one.at_ms // 1_000) for one in counted(PAIR, heard(60_000, {}), log)}
    assert seconds == {*range(1, 10), *range(23, 38), *range(43, 50)}
    others = {int(one.at_ms // 1_000) for one in counted(frozenset((0, 1)), heard(60_000, {}), log)}
    assert others == {*range(1, 10), *range(23, 50)}


def test_pages_are_compared_at_the_same_moment_of_the_same_entry() -> None:
    first = [Reading(t, t + 5_000.0, "a", 0.0, 0.0) for t in range(0, 1_000, 100)]
    second = [Reading(t + 30, t + 30 + 4_990.0, "a", 0.0, 0.0) for t in range(0, 1_000, 100)]
    assert pages_apart(first, second, 550.0) == pytest.approx(10)
    other = [Reading(r.at_ms, r.position_ms, "b", 0.0, 0.0) for r in second]
    assert pages_apart(first, other, 550.0) is None
    assert pages_apart(first, second, 5_000.0) is None
