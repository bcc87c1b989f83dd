"""Transport: play, pause, seek, skip; each says where to be, so that a repeated one does nothing."""

import pytest

from room_builders import DEVICE, T0, after, room, waiting_ids
from whatssound.rooms.commands import End, Pause, Play, Seek, Skip, Tick
from whatssound.rooms.playback import position_at
from whatssound.rooms.room import Room
from whatssound.wire.errors import Refusal


def position(of: Room, at_ms: float) -> float:
    return position_at(of.playback, T0 + at_ms)


def test_play_starts_the_head_of_the_queue_and_takes_it_out() -> None:
    playing = after(room(10_000, 10_000), (0, Play(DEVICE)))
    assert (playing.playback.entry_id, playing.playback.playing) == ("101", True)
    assert waiting_ids(playing) == ["102"]
    assert position(playing, 4_000) == 4_000


def test_play_of_a_waiting_entry_leaves_the_others_where_they_are() -> None:
    playing = after(room(9_000, 9_000, 9_000), (0, Play(DEVICE)), (1_000, Play(DEVICE, "103", 2_500)))
    assert playing.playback.entry_id == "103"
    assert position(playing, 1_000) == 2_500
    assert waiting_ids(playing) == ["102"]


def test_play_resumes_where_the_pause_was() -> None:
    resumed = after(room(10_000), (0, Play(DEVICE)), (3_000, Pause(DEVICE)), (60_000, Play(DEVICE)))
    assert position(resumed, 61_000) == 4_000


def test_play_while_it_plays_does_nothing() -> None:
    playing = after(room(10_000), (0, Play(DEVICE)))
    again = after(playing, (5_000, Play(DEVICE)))
    assert (again.rev, again.deck) == (playing.rev, playing.deck)


def test_play_of_an_entry_that_is_gone_is_refused() -> None:
    with pytest.raises(Refusal, match="no longer in the queue"):
        after(room(10_000), (0, Play(DEVICE, "999")))


def test_play_with_nothing_to_play_is_refused() -> None:
    with pytest.raises(Refusal, match="add a track first") as refused:
        after(room(), (0, Play(DEVICE)))
    assert refused.value.code == "conflict"


def test_pause_keeps_the_position_and_a_second_pause_does_nothing() -> None:
    paused = after(room(10_000), (0, Play(DEVICE)), (3_000, Pause(DEVICE)))
    assert position(paused, 9_000_000) == 3_000
    again = after(paused, (5_000, Pause(DEVICE)))
    assert (again.rev, again.playback) == (paused.rev, paused.playback)


def test_seek_moves_and_keeps_playing_or_silent() -> None:
    playing = after(room(10_000), (0, Play(DEVICE)), (1_000, Seek(DEVICE, 6_000.0)))
    assert position(playing, 2_000) == 7_000
    paused = after(playing, (2_000, Pause(DEVICE)), (3_000, Seek(DEVICE, 1_000.0)))
    assert (paused.playback.playing, position(paused, 9_000)) == (False, 1_000)


def test_seek_beyond_the_end_goes_on_to_the_next_entry() -> None:
    moved = after(room(10_000, 10_000), (0, Play(DEVICE)), (1_000, Seek(DEVICE, 60_000.0, "101")))
    assert moved.playback.entry_id == "102"
    assert position(moved, 1_500) == 500


def test_seek_of_an_entry_that_no_longer_sounds_does_nothing() -> None:
    playing = after(room(10_000, 10_000), (0, Play(DEVICE)), (12_000, Tick()))
    assert after(playing, (13_000, Seek(DEVICE, 0.0, "101"))) == playing


def test_skip_goes_to_the_head_and_its_repetition_does_nothing() -> None:
    skipped = after(room(10_000, 10_000, 10_000), (0, Play(DEVICE)), (1_000, Skip(DEVICE, "101")))
    assert skipped.playback.entry_id == "102"
    assert position(skipped, 1_250) == 250
    assert after(skipped, (2_000, Skip(DEVICE, "101"))) == skipped


def test_skip_that_comes_after_the_track_ended_by_itself_does_nothing() -> None:
    playing = after(room(10_000, 10_000, 10_000), (0, Play(DEVICE)))
    assert after(playing, (10_001, Skip(DEVICE, "101"))).playback.entry_id == "102"


def test_skip_past_the_last_entry_stops_for_a_device_and_starts_over_for_the_auto_dj() -> None:
    assert after(room(10_000), (0, Play(DEVICE)), (1_000, Skip(DEVICE))).playback.entry is None
    started_over = after(room(10_000), (0, Play(None)), (1_000, Skip(None)))
    assert (started_over.playback.entry_id, started_over.playback.playing) == ("101", True)


def test_skip_while_paused_stays_paused_at_the_next_entry() -> None:
    skipped = after(room(9_000, 9_000), (0, Play(DEVICE)), (1_000, Pause(DEVICE)), (2_000, Skip(DEVICE)))
    assert (skipped.playback.entry_id, skipped.playback.playing) == ("102", False)


def test_the_device_of_the_last_transport_command_leads() -> None:
    playing = after(room(10_000), (0, Play(DEVICE)), (1_000, Pause("phone")))
    assert playing.playback.device == "phone"
    assert after(playing, (2_000, Play("phone"))).playback.device == "phone"


def test_a_late_command_about_another_entry_does_not_take_the_lead() -> None:
    playing = after(room(10_000, 10_000), (0, Play(DEVICE)), (1_000, Skip("phone", "102")))
    assert playing.playback.device == DEVICE


def test_every_change_counts_the_rev_up_and_marks_only_the_parts_that_changed() -> None:
    start = room(10_000, 10_000)
    playing = after(start, (0, Play(DEVICE)))
    assert (playing.rev, playing.playback.rev, playing.queue.rev, playing.room_rev) == (2, 2, 2, 1)
    paused = after(playing, (1_000, Pause(DEVICE)))
    assert (paused.rev, paused.playback.rev, paused.queue.rev, paused.room_rev) == (3, 3, 2, 1)


def test_an_ended_room_is_silent_and_refuses() -> None:
    ended = after(room(10_000), (0, Play(DEVICE)), (1_000, End()))
    assert (ended.playback.playing, ended.playback.device) == (False, None)
    assert after(ended, (99_000, Tick()), (99_000, End())) == ended
    with pytest.raises(Refusal, match="ended"):
        after(ended, (2_000, Play(DEVICE)))
