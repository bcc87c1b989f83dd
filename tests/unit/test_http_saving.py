"""The name under which a browser saves a track."""

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from whatssound.audio.track import Track
from whatssound.http.saving import disposition
from whatssound.ids import TrackId

TRACK = Track(TrackId(1), "upload", "/x", "Tide Glass", "The House Band", None, duration_ms=0, status="ready")


def named(title: str, artist: str | None = None) -> tuple[str, str]:
    """`(plain, UTF-8)` names in the header."""
    header = disposition(replace(TRACK, title=title, artist=artist))
    header.encode("latin-1")  # or no server could send it
    found = re.fullmatch(r"""attachment; filename="([^"]*)"; filename\*=UTF-8''([^"; ]*)""", header)
    assert found is not None
    return found[1], unquote(found[2])


def test_a_track_is_saved_under_artist_and_title() -> None:
    assert named("Tide Glass", "The House Band") == ("The House Band - Tide Glass.ogg",) * 2


def test_every_script_keeps_its_letters_and_old_programs_get_plain_ones() -> None:
    assert named("Niño", "Ölaf") == ("Olaf - Nino.ogg", "Ölaf - Niño.ogg")
    assert named("夜に駆ける") == ("track.ogg", "夜に駆ける.ogg")


@pytest.mark.parametrize("evil", ["a/../../b", 'x"; filename="y.exe', "line\r\nSet-Cookie: a=b", "con\x00:|?*", "..."])
def test_nothing_in_a_title_leaves_the_name(evil: str) -> None:
    for name in named(evil):
        assert not set(name) & set('/\\:*?"<>|\r\n\0')
        assert name.endswith(".ogg")
        assert not name.startswith(".")


def test_a_very_long_title_is_cut() -> None:
    assert len(named("a" * 300)[1]) <= 160
