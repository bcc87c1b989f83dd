"""How text is found: without case, without accents. Pure."""

import unicodedata
from typing import Final

MAX_WORDS: Final = 10
"""More words than this in a search are ignored; each is a comparison with every track."""


def folded(text: str) -> str:
    """`text` with single blanks, without case and without the marks above and below letters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def search_text(title: str, artist: str | None, album: str | None) -> str:
    """What searches look through, and the order of the library: by title."""
    return folded(" ".join(part for part in (title, artist, album) if part))


def words_of(query: str | None) -> list[str]:
    """The words of a search, folded."""
    return folded(query or "").split()[:MAX_WORDS]
