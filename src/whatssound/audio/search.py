"""How text is found: without case, without accents. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

MAX_WORDS: Final = 10
"""More words than this in a search are ignored; each is one more look-up."""

_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
"""Letters of languages that put no blanks between words: each is a word of its own, a phrase finds them together."""


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody searched for, folded. `phrases` are words, each as its parts (`ac/dc` has two), the last one
    unfinished; `marks` are words without a letter or digit, such as `!!!`."""

    phrases: tuple[tuple[str, ...], ...] = ()
    marks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.phrases or self.marks)


NO_WORDS: Final = Words()
"""Finds everything."""


def folded(text: str) -> str:
    """`text` with single blanks, without case and without the marks above and below letters."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def search_text(title: str, artist: str | None, album: str | None) -> str:
    """The order of the library: by title."""
    return folded(" ".join(part for part in (title, artist, album) if part))


def indexed(*texts: str | None) -> str:
    """What the full-text index keeps of these texts."""
    return _UNSPACED.sub(r" \1 ", folded(" ".join(text for text in texts if text)))


def key_of(text: str) -> str:
    """The same for two spellings of one name: its words, or its marks when it has none."""
    return " ".join(_parts(folded(text))) or folded(text)


def words_of(query: str | None) -> Words:
    """The words of a search."""
    phrases: list[tuple[str, ...]] = []
    marks: list[str] = []
    visible = "".join(c if c.isprintable() else " " for c in folded(query or ""))
    for word in visible.split()[:MAX_WORDS]:
        if parts := _parts(word):
            phrases.append(parts)
        else:
            marks.append(word)
    return Words(tuple(phrases), tuple(marks))


def _parts(text: str) -> tuple[str, ...]:
    """The words of folded text."""
    return tuple("".join(c if c.isalnum() else " " for c in _UNSPACED.sub(r" \1 ", text)).split())
