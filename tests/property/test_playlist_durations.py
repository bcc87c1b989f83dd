"""Media playlists say how long a track is, however long it is."""

import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from whatssound.audio import playlist
from whatssound.audio.ladder import FRAME_SAMPLES, Grid

grids = st.builds(Grid, samples=st.integers(1, 5_000_000), rate_hz=st.sampled_from([44_100, 48_000]))


@given(grids)
def test_the_durations_sum_up_to_the_track(grid: Grid) -> None:
    durations = [Decimal(text) for text in re.findall(r"#EXTINF:([\d.]+),", playlist.media(grid))]
    assert len(durations) == grid.segments
    # Each is rounded to the nanosecond; a sample lasts 20,833 of them.
    rounding = Decimal("0.5e-9") * grid.segments
    longer = sum(durations) - Decimal(grid.samples) / grid.rate_hz
    if has_tiny_end(grid):
        assert -rounding <= longer <= Decimal(2 * FRAME_SAMPLES) / grid.rate_hz
    else:
        assert abs(longer) <= rounding


def has_tiny_end(grid: Grid) -> bool:
    """The last segment would be announced as shorter than a frame, or not at all."""
    return grid.samples - (grid.segments - 1) * grid.frames_per_segment * FRAME_SAMPLES < FRAME_SAMPLES


@given(grids)
def test_every_segment_is_named_once_and_in_order(grid: Grid) -> None:
    names = [line for line in playlist.media(grid).splitlines() if not line.startswith("#")]
    assert [playlist.segment_number(name) for name in names] == list(range(grid.segments))


@given(st.text(max_size=12))
def test_only_what_we_would_write_is_a_segments_name(name: str) -> None:
    number = playlist.segment_number(name)
    assert number is None or playlist.segment_name(number) == name
