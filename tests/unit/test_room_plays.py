"""What counts as one play of a track, and when it is over."""

from room_builders import DEVICE, T0, room
from whatssound.rooms.commands import Command, End, Pause, Play, RemoveEntry, Seek, Skip, Tick, TrackChanged
from whatssound.rooms.plays import current, plays_between
from whatssound.rooms.room import Room, decide
from whatssound.wire import events

Shown = list[tuple[str, int, int | None]]


def plays_of(start: Room, *steps: tuple[float, Command]) -> Shown:
    """Entry, start and end in ms since T0, of what ended and what lasts."""
    ended, now = [], start
    for at_ms, command in steps:
        changed = decide(now, command, T0 + at_ms)
        ended += plays_between(now, changed, T0 + at_ms)
        now = changed
    lasting = current(now)
    shown = [*ended, *([] if lasting is None else [lasting])]
    return [
        (p.entry.id, round(p.started_ms - T0), None if p.ended_ms is None else round(p.ended_ms - T0)) for p in shown
    ]


def test_nothing_was_played_before_anything_sounded() -> None:
    assert plays_of(room(9_000), (0, Tick()), (1, RemoveEntry("101"))) == []


def test_tracks_follow_each_other_to_the_millisecond_however_late_somebody_looks() -> None:
    plays = plays_of(room(1_000, 2_000, 4_000), (0, Play(DEVICE)), (3_500, Tick()))
    assert plays == [("101", 0, 1_000), ("102", 1_000, 3_000), ("103", 3_000, None)]


def test_seeks_and_pauses_belong_to_the_play() -> None:
    plays = plays_of(
        room(9_000, 9_000),
        (0, Play(DEVICE)),
        (1_000, Seek(DEVICE, 5_000.0)),
        (2_000, Pause(DEVICE)),
        (5_000, Play(DEVICE)),
        (6_000, Play(DEVICE, position_ms=0.0)),
        (7_000, Tick()),
    )
    assert plays == [("101", 0, None)]


def test_a_skip_ends_one_play_and_begins_another() -> None:
    assert plays_of(room(9_000, 9_000), (0, Play(DEVICE)), (4_000, Skip(DEVICE))) == [
        ("101", 0, 4_000),
        ("102", 4_000, None),
    ]


def test_what_was_skipped_before_its_first_note_was_not_played() -> None:
    plays = plays_of(
        room(9_000, 9_000, 9_000),
        (0, Play(DEVICE, lead_ms=250)),
        (4_000, Skip(DEVICE, lead_ms=250)),
        (4_100, Skip(DEVICE, lead_ms=250)),
    )
    assert plays == [("101", 250, 4_000), ("103", 4_350, None)]


def test_what_is_loaded_silently_is_played_from_when_it_sounds() -> None:
    silent = ((0, Play(DEVICE)), (1_000, Pause(DEVICE)), (2_000, Skip(DEVICE)))
    assert plays_of(room(9_000, 9_000), *silent) == [("101", 0, 2_000)]
    assert plays_of(room(9_000, 9_000), *silent, (3_000, Play(DEVICE)))[1:] == [("102", 3_000, None)]


def test_the_end_of_the_queue_and_the_end_of_the_room_end_the_play() -> None:
    assert plays_of(room(1_000), (0, Play(DEVICE)), (5_000, Tick())) == [("101", 0, 1_000)]
    assert plays_of(room(9_000), (0, Play(DEVICE)), (5_000, End())) == [("101", 0, 5_000)]
    assert plays_of(room(9_000), (0, Play(DEVICE)), (5_000, End()), (60_000, Tick())) == [("101", 0, 5_000)]


def test_one_track_alone_is_played_again_and_again_by_the_auto_dj() -> None:
    assert plays_of(room(1_000), (0, Play(None)), (2_500, Tick())) == [
        ("101", 0, 1_000),
        ("101", 1_000, 2_000),
        ("101", 2_000, None),
    ]


def test_a_track_that_cannot_be_played_any_more_was_played_until_then() -> None:
    failed = TrackChanged(events.Track(id="1", title="Track 1"), failed=True)
    assert plays_of(room(9_000, 9_000), (0, Play(DEVICE)), (2_000, failed)) == [("101", 0, 2_000), ("102", 2_000, None)]


def test_a_pause_because_the_dj_is_gone_belongs_to_the_play() -> None:
    gone = plays_of(room(60_000, 9_000, when_dj_gone="pause"), (0, Play(DEVICE)), (40_000, Tick()))
    assert gone == [("101", 0, None)]
