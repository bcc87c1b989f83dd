"""A room's title and the name in its link."""

import pytest

from whatssound.rooms.naming import ALPHABET, checked_title, slug_of
from whatssound.wire.errors import Refusal


@pytest.mark.parametrize(
    ("title", "readable"),
    [
        ("Late night", "late-night"),
        ("  Café  del  Mar!! ", "cafe-del-mar"),
        ("夜の音楽", "room"),
        ("2026", "2026"),
        ("x" * 80, "x" * 32),
        ("🎉", "room"),
    ],
)
def test_a_slug_is_readable_and_never_looks_like_an_id(title: str, readable: str) -> None:
    slug = slug_of(title, 0)
    assert slug == f"{readable}-{ALPHABET[0] * 6}"
    assert slug.isascii()
    assert not slug.isdecimal()


def test_other_bits_make_another_slug() -> None:
    assert len(set(ALPHABET)) == 32
    assert len({slug_of("x", 1 << bit) for bit in range(30)}) == 30


def test_a_title_loses_blanks_and_control_characters() -> None:
    assert checked_title(" Late\n\tnight\u202e ") == "Late night"


@pytest.mark.parametrize("title", ["", "  \n ", "\u200b", "\u3164", "\ufe0f", "x" * 81])
def test_a_title_has_1_to_80_characters(title: str) -> None:
    with pytest.raises(Refusal, match="1 to 80"):
        checked_title(title)
