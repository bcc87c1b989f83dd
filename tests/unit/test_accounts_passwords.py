"""What makes a password."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatssound.accounts.passwords import MAX_BYTES, checked_password, normalised
from whatssound.wire.errors import Refusal


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven77", "at least 8"),
        ("", "at least 8"),
        ("é" * 513, "at most 1,024 bytes"),
        ("ﷺ" * 60, "at most 1,024 bytes"),
        ("bell\x07bell", "control characters"),
        ("half \ud800 pair", "control characters"),
        ("Ana María", "Your name"),
        ("ANA MARÍA", "Your name"),
        ("ＡＮＡ ＭＡＲＩ\u0301Ａ", "Your name"),
        ("PassWord", "everybody tries"),
        ("１２３４５６７８", "everybody tries"),
        ("contraseña", "everybody tries"),
        ("zzzzzzzzzzzz", "everybody tries"),
    ],
)
def test_what_would_be_guessed_or_cannot_be_typed_is_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(Refusal, match=why) as refusal:
        checked_password(password, "Ana María")
    assert refusal.value.code == "invalid"


@pytest.mark.parametrize("password", ["pass phrase", "éa" * 341, "🎧🎵🎶🎼🎤🎷🎸🎹", "password of mine"])
def test_anything_else_is_a_password(password: str) -> None:
    assert checked_password(password, "Ana") == password


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_however_it_is_composed_it_is_the_same_password(password: str) -> None:
    decomposed = unicodedata.normalize("NFD", password)
    assert normalised(decomposed) == normalised(password)
    assert normalised(normalised(password)) == normalised(password)


@given(st.text(max_size=1_100))
def test_what_is_accepted_fits_and_is_normalised(password: str) -> None:
    try:
        kept = checked_password(password, "Ana")
    except Refusal:
        return
    assert len(kept) >= 8
    assert len(kept.encode()) <= MAX_BYTES
    assert checked_password(kept, "Ana") == kept
