"""What the passing of time does to a room."""

from dataclasses import replace

import pytest

from room_builders import DEVICE, T0, after, entry, room, track, waiting_ids
from whatssound.rooms.commands import AddEntries, Pause, Play, Tick, TrackChanged
from whatssound.rooms.playback import position_at
from whatssound.rooms.reports import GONE_AFTER_MS
from whatssound.rooms.room import Room, caught_up, due_ms

YEAR_MS = 365 * 24 * 3_600_000


def seen(of: Room, at_ms: float) -> Room:
    return replace(of, watch=replace(of.watch, seen_ms=T0 + at_ms))


def test_the_next_track_starts_at_the_exact_end_of_the_one_before() -> None:
    playing = after(room(10_000, 10_000), (0, Play(None)), (10_007, Tick()))
    assert (playing.playback.entry_id, playing.playback.anchor_ms) == ("102", T0 + 10_000)


def test_a_room_is_due_at_the_end_of_its_track() -> None:
    assert due_ms(room(10_000)) is None
    assert due_ms(after(room(10_000), (0, Play(None, position_ms=4_000.0)))) == T0 + 6_000


def test_a_tick_before_it_is_due_changes_nothing() -> None:
    playing = after(room(10_000), (0, Play(None)))
    assert after(playing, (9_999, Tick())) is playing


def test_the_auto_dj_starts_over_in_the_order_that_was_played() -> None:
    playing = after(room(1_000, 2_000, 3_000), (0, Play(None)), (6_500, Tick()))
    assert (playing.playback.entry_id, playing.playback.anchor_ms) == ("101", T0 + 6_000)
    order = [after(playing, (6_000 + at_ms, Tick())).playback.entry_id for at_ms in (999, 1_001, 3_001, 6_001)]
    assert order == ["101", "102", "103", "101"]


def test_under_the_auto_dj_one_entry_always_waits_so_that_listeners_can_prepare_it() -> None:
    playing = after(room(1_000, 2_000, 3_000), (0, Play(None)))
    for at_ms in (1_500, 3_500, 6_500, 7_500, 9_500, 12_500):
        playing = after(playing, (at_ms, Tick()))
        head = waiting_ids(playing)[0]
        end_ms = due_ms(playing)
        assert end_ms is not None
        assert caught_up(playing, end_ms).playback.entry_id == head


def test_when_the_dj_is_gone_during_the_last_track_one_is_put_up_next() -> None:
    led = after(room(1_000, 60_000), (0, Play("dj-device")), (1_500, Tick()))
    assert (led.playback.entry_id, waiting_ids(led)) == ("102", [])
    gone = after(led, (20_000, Tick()))
    assert (gone.playback.device, gone.playback.entry_id, waiting_ids(gone)) == (None, "102", ["101"])


def test_a_year_of_silence_is_leapt_over_and_lands_at_the_right_second() -> None:
    playing = after(room(1_000, 2_000, 3_000), (0, Play(None)))
    late = caught_up(playing, T0 + YEAR_MS + 1_500)
    assert YEAR_MS % 6_000 == 0
    assert (late.playback.entry_id, position_at(late.playback, T0 + YEAR_MS + 1_500)) == ("102", 500)
    assert waiting_ids(late) == ["103"]


def test_what_was_added_is_played_before_the_auto_dj_starts_over() -> None:
    playing = after(room(1_000), (0, Play(None)), (500, AddEntries((entry(5, 1_000),), "n")), (1_500, Tick()))
    assert playing.playback.entry_id == "105"
    assert after(playing, (2_500, Tick())).playback.entry_id == "101"


def test_a_track_of_unknown_length_plays_until_somebody_knows_it() -> None:
    playing = after(room(0, 1_000), (0, Play(None)))
    assert due_ms(playing) is None
    assert caught_up(playing, T0 + YEAR_MS).playback.entry_id == "101"
    known = after(playing, (2_000, TrackChanged(track(1, 3_000))))
    assert due_ms(known) == T0 + 3_000


def test_with_a_device_the_queue_runs_out_and_stops() -> None:
    playing = seen(after(room(10_000), (0, Play(DEVICE))), 9_000)
    stopped = after(playing, (10_000, Tick()))
    assert (stopped.playback.entry, stopped.playback.playing, stopped.playback.device) == (None, False, DEVICE)


def test_a_device_that_is_gone_leaves_the_auto_dj_leading() -> None:
    playing = after(room(60_000), (0, Play(DEVICE)))
    assert due_ms(playing) == T0 + GONE_AFTER_MS
    gone = after(playing, (GONE_AFTER_MS, Tick()))
    assert (gone.playback.device, gone.playback.playing) == (None, True)
    assert position_at(gone.playback, T0 + 20_000) == 20_000


def test_a_device_that_is_heard_of_is_not_gone() -> None:
    playing = seen(after(room(60_000), (0, Play(DEVICE))), 14_000)
    assert after(playing, (GONE_AFTER_MS, Tick())).playback.device == DEVICE
    assert due_ms(playing) == T0 + 14_000 + GONE_AFTER_MS


def test_a_room_that_pauses_when_the_dj_is_gone_pauses_there() -> None:
    gone = after(room(60_000, when_dj_gone="pause"), (0, Play(DEVICE)), (15_004, Tick()))
    assert (gone.playback.device, gone.playback.playing, gone.playback.position_ms) == (None, False, 15_000)


def test_a_deliberate_pause_stays_when_the_dj_is_gone() -> None:
    gone = after(room(60_000), (0, Play(DEVICE)), (1_000, Pause(DEVICE)), (60_000, Tick()))
    assert (gone.playback.device, gone.playback.playing) == (None, False)
    assert due_ms(gone) is None


def test_a_queue_that_ran_out_is_started_over_when_the_dj_is_gone() -> None:
    gone = after(room(10_000), (0, Play(DEVICE)), (16_000, Tick()))
    assert (gone.playback.entry_id, gone.playback.anchor_ms) == ("101", T0 + 15_000)


def test_a_track_that_failed_is_skipped_and_leaves_queue_and_history() -> None:
    playing = after(room(10_000, 10_000, 10_000), (0, Play(None)), (10_500, Tick()))
    failed = after(
        playing, (11_000, TrackChanged(track(2), failed=True)), (12_000, TrackChanged(track(1), failed=True))
    )
    assert failed.playback.entry_id == "103"
    assert failed.playback.anchor_ms == T0 + 11_000
    assert failed.deck.history == ()


def test_the_only_track_failing_stops_the_room() -> None:
    failed = after(room(10_000), (0, Play(None)), (1_000, TrackChanged(track(1), failed=True)))
    assert (failed.playback.entry, failed.playback.playing) == (None, False)
    assert due_ms(failed) is None


def test_a_track_that_turns_out_to_be_over_gives_way_now_and_not_in_the_past() -> None:
    shorter = after(room(60_000, 10_000), (0, Play(None)), (40_000, TrackChanged(track(1, 30_000))))
    assert (shorter.playback.entry_id, shorter.playback.anchor_ms) == ("102", T0 + 40_000)


@pytest.mark.parametrize("at_ms", [0, 9_999, 10_000, 15_000, 31_000])
def test_showing_a_room_makes_no_new_rev(at_ms: float) -> None:
    playing = after(room(10_000, 10_000), (0, Play(DEVICE)))
    assert caught_up(playing, T0 + at_ms).rev == playing.rev
