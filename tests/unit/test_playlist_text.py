"""Playlists as text."""

import pytest

from whatssound.audio import playlist
from whatssound.audio.ladder import Grid
from whatssound.audio.playlist import Variant


def test_a_media_playlist_is_complete_from_the_start() -> None:
    text = playlist.media(Grid(samples=172 * 1024, rate_hz=44_100))
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:3.993832200,\n"
        "0.m4s\n"
        "#EXTINF:0.023219955,\n"
        "1.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_master_playlist_lists_what_it_is_given_in_that_order() -> None:
    text = playlist.master([Variant("a?sig=1", 192_000), Variant("b", 70_100, 66_200)])
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=192000,CODECS="mp4a.40.2"\n'
        "a?sig=1\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=70100,AVERAGE-BANDWIDTH=66200,CODECS="mp4a.40.2"\n'
        "b\n"
    )


def test_a_master_playlist_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a rendition"):
        playlist.master([])


@pytest.mark.parametrize("name", ["", "0", ".m4s", "-1.m4s", "01.m4s", "1.m4s.m4s", "1.mp4", "٣.m4s", "1234567.m4s"])
def test_other_names_are_no_segments(name: str) -> None:
    assert playlist.segment_number(name) is None


@pytest.mark.parametrize(("samples", "rate_hz"), [(0, 44_100), (10, 0)])
def test_there_is_no_grid_over_nothing(samples: int, rate_hz: int) -> None:
    with pytest.raises(ValueError, match="no grid"):
        Grid(samples, rate_hz)
