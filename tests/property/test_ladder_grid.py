"""The grid of segments covers every sample of every track, once."""

from hypothesis import given
from hypothesis import strategies as st

from whatssound.audio.ladder import (
    FRAME_SAMPLES,
    PRIMING_SAMPLES,
    Grid,
    duration_ms,
    presented_samples,
    rate_for,
)

grids = st.builds(Grid, samples=st.integers(1, 40_000_000), rate_hz=st.sampled_from([44_100, 48_000]))
short_grids = st.builds(Grid, samples=st.integers(1, 2_000_000), rate_hz=st.sampled_from([44_100, 48_000]))


@given(short_grids)
def test_segments_follow_each_other_and_cover_the_track(grid: Grid) -> None:
    assert grid.begins_at(0) == 0
    assert grid.begins_at(grid.segments) == grid.samples
    assert sum(grid.samples_in(n) for n in range(grid.segments)) == grid.samples


@given(grids)
def test_no_segment_is_empty(grid: Grid) -> None:
    assert grid.samples_in(grid.segments - 1) > 0
    assert grid.samples_in(0) > 0


@given(grids)
def test_no_segment_is_longer_than_its_target(grid: Grid) -> None:
    assert max(grid.seconds_in(n) for n in {0, 1, grid.segments - 1} if n < grid.segments) <= 4.0


@given(short_grids)
def test_playlists_announce_starts_as_the_segments_decode_times(grid: Grid) -> None:
    for n in range(grid.segments - 1):
        assert grid.announced_seconds(n) * grid.rate_hz == grid.frames_per_segment * FRAME_SAMPLES


@given(short_grids)
def test_cuts_stand_between_frames(grid: Grid) -> None:
    for n in range(1, grid.segments):
        assert (grid.begins_at(n) + PRIMING_SAMPLES) % FRAME_SAMPLES == 0


@given(grids)
def test_every_presented_sample_has_a_frame_and_no_frame_is_idle(grid: Grid) -> None:
    needed = grid.samples + PRIMING_SAMPLES
    assert (grid.frames - 1) * FRAME_SAMPLES < needed <= grid.frames * FRAME_SAMPLES


@given(st.integers(1, 400_000_000), st.integers(8_000, 192_000))
def test_resampling_never_shortens_a_track_and_adds_less_than_a_sample(samples: int, rate_hz: int) -> None:
    presented = presented_samples(samples, rate_hz)
    exact = samples * rate_for(rate_hz) / rate_hz
    assert exact - 1e-3 <= presented < exact + 1 + 1e-3


@given(st.integers(1, 400_000_000), st.sampled_from([44_100, 48_000]))
def test_the_two_families_keep_their_samples(samples: int, rate_hz: int) -> None:
    assert rate_for(rate_hz) == rate_hz
    assert presented_samples(samples, rate_hz) == samples


@given(st.integers(1, 400_000_000), st.sampled_from([44_100, 48_000]))
def test_durations_are_rounded_to_the_nearest_ms(samples: int, rate_hz: int) -> None:
    assert abs(duration_ms(samples, rate_hz) - samples * 1000 / rate_hz) <= 0.5
