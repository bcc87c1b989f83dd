"""A server behind a sub-path answers with and without it."""

import pytest

from whatssound.http.connection import without_prefix


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        (b"/music/r/x?a=1", b"/r/x?a=1"),
        (b"/music/", b"/"),
        (b"/music", b"/"),
        (b"/music?a=1", b"/?a=1"),
        (b"/r/x", b"/r/x"),
        (b"/musical", b"/musical"),
        (b"/music/music/r", b"/music/r"),
        (b"*", b"*"),
    ],
)
def test_the_public_path_is_taken_off_once(url: bytes, rest: bytes) -> None:
    assert without_prefix(url, b"/music") == rest


def test_without_a_public_path_everything_stays() -> None:
    assert without_prefix(b"/music/r", b"") == b"/music/r"
