"""Finding text without case and accents."""

import pytest

from whatssound.audio.search import MAX_WORDS, Words, folded, indexed, search_text, words_of


@pytest.mark.parametrize(
    ("text", "found"),
    [("Björk", "bjork"), ("SIGUR  RÓS", "sigur ros"), ("Straße", "strasse"), ("ﬁn", "fin"), ("Ночь", "ночь"), ("", "")],
)
def test_case_accents_and_blanks_do_not_matter(text: str, found: str) -> None:
    assert folded(text) == found


def test_a_search_looks_through_title_artist_and_album() -> None:
    assert search_text("Jóga", "Björk", None) == "joga bjork"


def test_a_search_is_words_of_letters_and_marks() -> None:
    assert not words_of(None)
    assert words_of("  Ágætis  byrjun ").phrases == (("agætis",), ("byrjun",))
    assert words_of("AC/DC !!!") == Words((("ac", "dc"),), ("!!!",))


def test_a_search_has_a_bounded_number_of_words() -> None:
    assert len(words_of("word " * 500).phrases) == MAX_WORDS


def test_each_letter_is_a_word_where_nobody_writes_blanks() -> None:
    assert indexed("夜に駆ける", None).split() == ["夜", "に", "駆", "け", "る"]
    assert words_of("駆け").phrases == (("駆", "け"),)
