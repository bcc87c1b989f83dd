"""Where the sound is at which server time: the formula that every client shares."""

import pytest

from room_builders import T0, entry
from whatssound.rooms import playback as sound
from whatssound.rooms.playback import Playback, ends_at_ms, position_at
from whatssound.wire import events

PLAYING = Playback(rev=1, entry=entry(1, 10_000), position_ms=2_000.0, anchor_ms=T0, playing=True)


@pytest.mark.parametrize(("at_ms", "position_ms"), [(-5_000, 2_000), (0, 2_000), (1_500, 3_500), (20_000, 22_000)])
def test_a_position_runs_from_its_anchor_and_waits_for_one_in_the_future(at_ms: float, position_ms: float) -> None:
    assert position_at(PLAYING, T0 + at_ms) == position_ms


def test_the_wire_event_gives_the_same_position_as_the_part() -> None:
    assert position_at(PLAYING.as_wire(), T0 + 777) == position_at(PLAYING, T0 + 777) == 2_777
    assert isinstance(PLAYING.as_wire(), events.Playback)


def test_a_rate_stretches_time() -> None:
    fast = Playback(entry=entry(1, 10_000), anchor_ms=T0, rate=1.25, playing=True)
    assert position_at(fast, T0 + 4_000) == 5_000
    assert ends_at_ms(fast) == T0 + 8_000


def test_what_is_silent_or_of_unknown_length_has_no_end() -> None:
    assert ends_at_ms(PLAYING) == T0 + 8_000
    assert ends_at_ms(sound.paused(PLAYING, at_ms=T0)) is None
    assert ends_at_ms(Playback(entry=entry(1, 0), anchor_ms=T0, playing=True)) is None
    assert ends_at_ms(Playback(playing=True)) is None


def test_pausing_after_the_end_stays_inside_the_track() -> None:
    assert sound.paused(PLAYING, at_ms=T0 + 99_000).position_ms == 10_000
    assert sound.sought(PLAYING, position_ms=99_000.0, at_ms=T0).position_ms == 10_000
