"""Names: stored in one form, told apart as a reader would, and never longer than they may be."""

import unicodedata

from hypothesis import assume, given
from hypothesis import strategies as st

from whatssound.accounts.user import MAX_NAME_CHARACTERS, checked_name, name_key, variants
from whatssound.wire.errors import Refusal

texts = st.text(max_size=48)


def checked(text: str) -> str:
    try:
        return checked_name(text)
    except Refusal:
        assume(False)
        raise


def outcome(text: str) -> str:
    try:
        checked_name(text)
    except Refusal as refusal:
        return refusal.code
    return "a name"


@given(texts)
def test_a_stored_name_is_checked_to_itself(text: str) -> None:
    name = checked(text)
    assert checked_name(name) == name


@given(texts)
def test_a_stored_name_is_short_and_shows_nothing_invisible(text: str) -> None:
    name = checked(text)
    assert 1 <= len(name) <= MAX_NAME_CHARACTERS
    assert name == name.strip()
    assert "  " not in name
    assert not any(unicodedata.category(c)[0] == "C" for c in name)


@given(texts)
def test_every_refused_name_is_answered_with_invalid(text: str) -> None:
    assert outcome(text) in ("a name", "invalid")


@given(texts)
def test_the_key_of_a_key_is_itself(text: str) -> None:
    key = name_key(checked(text))
    assert name_key(key) == key
    assert len(key) <= 128


@given(texts)
def test_width_and_compatibility_forms_do_not_make_another_name(text: str) -> None:
    name = checked(text)
    for form in ("NFC", "NFD", "NFKD"):
        assert name_key(checked(unicodedata.normalize(form, name))) == name_key(name)


@given(texts, st.randoms(use_true_random=False))
def test_every_variant_is_a_name_and_tells_itself_apart(text: str, random) -> None:
    name = checked(text)
    tried = variants(name, random.randrange)
    assert tried[0] == name
    assert len(tried) == 33
    for other in tried[1:]:
        assert checked_name(other) == other
        assert name_key(other) != name_key(name)
