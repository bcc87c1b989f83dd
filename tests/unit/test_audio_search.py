"""Finding text without case and accents."""

import pytest

from whatssound.audio.search import MAX_WORDS, folded, search_text, words_of


@pytest.mark.parametrize(
    ("text", "found"),
    [("Björk", "bjork"), ("SIGUR  RÓS", "sigur ros"), ("Straße", "strasse"), ("ﬁn", "fin"), ("Ночь", "ночь"), ("", "")],
)
def test_case_accents_and_blanks_do_not_matter(text: str, found: str) -> None:
    assert folded(text) == found


def test_a_search_looks_through_title_artist_and_album() -> None:
    assert search_text("Jóga", "Björk", None) == "joga bjork"


def test_a_search_has_a_bounded_number_of_words() -> None:
    assert words_of(None) == []
    assert words_of("  Ágætis  byrjun ") == ["agætis", "byrjun"]
    assert len(words_of("word " * 500)) == MAX_WORDS
