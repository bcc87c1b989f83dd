"""The DJ's device reports where its output is; seldom does that move everybody."""

from room_builders import DEVICE, T0, after, room
from whatssound.rooms.commands import Pause, Play, Report
from whatssound.rooms.playback import position_at
from whatssound.rooms.room import Room


def report(at_ms: float, late_ms: float, *, rev: int = 2, device: str | None = DEVICE, stalled: bool = False) -> Report:
    return Report(device, at_ms + late_ms, T0 + at_ms, rev, "stalled" if stalled else "playing")


def settled(at_ms: float, late_ms: float, *, rev: int = 2) -> Report:
    return Report(DEVICE, at_ms + late_ms, T0 + at_ms, rev, "playing", settled=True)


def played() -> Room:
    return after(room(600_000), (0, Play(DEVICE)))


def test_two_reports_in_a_row_beyond_40_ms_move_the_anchor() -> None:
    once = after(played(), (1_000, report(1_000, -80)))
    assert once.rev == 2
    twice = after(once, (2_000, report(2_000, -80)))
    assert twice.rev == 3
    assert position_at(twice.playback, T0 + 5_000) == 4_920


def test_reports_within_40_ms_change_nothing() -> None:
    assert after(played(), *((at, report(at, 40)) for at in (1_000, 2_000, 3_000))).rev == 2


def test_reports_in_opposite_directions_change_nothing() -> None:
    swings = ((1_000, 60), (2_000, -60), (3_000, 60), (4_000, -60))
    assert after(played(), *((at, report(at, late)) for at, late in swings)).rev == 2


def test_a_good_report_between_two_bad_ones_forgives() -> None:
    assert after(played(), *((at, report(at, late)) for at, late in ((1_000, 60), (2_000, 0), (3_000, 60)))).rev == 2


def test_anchors_move_at_most_every_5_s() -> None:
    moved = after(played(), (1_000, report(1_000, 80)), (2_000, report(2_000, 80)))
    soon = after(moved, (3_000, report(3_000, 200, rev=3)), (6_900, report(6_900, 200, rev=3)))
    assert soon.rev == 3
    assert after(soon, (7_100, report(7_100, 200, rev=3))).rev == 4


def test_a_djs_clock_that_is_a_little_ahead_is_believed() -> None:
    assert after(played(), (1_000, report(1_003, -80)), (2_000, report(2_003, -80))).rev == 3


def test_one_settled_report_after_a_start_moves_the_anchor_to_the_djs_output() -> None:
    moved = after(played(), (1_000, settled(1_000, -15)))
    assert moved.rev == 3
    assert position_at(moved.playback, T0 + 5_000) == 4_985


def test_a_settled_report_of_a_start_that_was_good_enough_changes_nothing() -> None:
    assert after(played(), (1_000, settled(1_000, 8))).rev == 2


def test_only_the_first_settled_report_after_a_start_moves_anything() -> None:
    once = after(played(), (1_000, settled(1_000, -15)))
    assert after(once, (1_500, settled(1_500, -30, rev=3))).rev == 3


def test_two_reports_move_the_anchor_also_soon_after_a_settled_one() -> None:
    once = after(played(), (1_000, settled(1_000, -15)))
    assert after(once, (2_000, report(2_000, 60, rev=3)), (3_000, report(3_000, 60, rev=3))).rev == 4


def test_a_settled_report_long_after_the_start_is_one_like_others() -> None:
    assert after(played(), (5_100, settled(5_100, -30))).rev == 2


def test_a_stalled_device_freezes_nothing() -> None:
    assert after(played(), *((at, report(at, -900, stalled=True)) for at in (1_000, 2_000, 3_000))).rev == 2


def test_reports_about_an_older_rev_are_ignored() -> None:
    assert after(played(), *((at, report(at, 80, rev=1)) for at in (1_000, 2_000))).rev == 2


def test_only_the_leading_device_is_believed() -> None:
    assert after(played(), *((at, report(at, 80, device="phone")) for at in (1_000, 2_000))).rev == 2
    assert after(played(), *((at, report(at, 80, device=None)) for at in (1_000, 2_000))).rev == 2


def test_a_paused_room_is_not_moved() -> None:
    paused = after(played(), (500, Pause(DEVICE)))
    assert after(paused, *((at, report(at, 80, rev=3)) for at in (1_000, 2_000))).rev == 3


def test_a_clock_from_another_time_is_not_believed() -> None:
    wrong = (Report(DEVICE, 0.0, T0 + at + 60_000, 2, "playing") for at in (1_000, 2_000))
    assert after(played(), *zip((1_000, 2_000), wrong, strict=True)).rev == 2
