"""A room's title and the short name in its link. Pure."""

import unicodedata
from typing import Final

from whatssound.messages.message import is_blank
from whatssound.wire.errors import Refusal

MAX_TITLE_CHARACTERS: Final = 80
MAX_READABLE: Final = 32
"""Of the link's readable half: the whole link stays shorter than a line of chat on a phone."""

SUFFIX_CHARACTERS: Final = 6
"""Of 5 bits: an unlisted room is one of 2³⁰, and two rooms of the same title do not meet."""

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 characters that nobody mistakes for each other when a link is read aloud."""


def checked_title(title: str) -> str:
    """`title` as it is stored: single blanks, no control characters. Raises Refusal `invalid`."""
    kept = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in title).split())
    if is_blank(kept) or len(kept) > MAX_TITLE_CHARACTERS:
        raise Refusal("invalid", f"A title has 1 to {MAX_TITLE_CHARACTERS} characters.")
    return kept


def slug_of(title: str, random_bits: int) -> str:
    """The name in the link: what can be read of the title, and 6 characters made of `random_bits`' lowest 30."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    readable = "-".join(words)[:MAX_READABLE].strip("-") or "room"
    suffix = "".join(ALPHABET[random_bits >> 5 * place & 31] for place in range(SUFFIX_CHARACTERS))
    return f"{readable}-{suffix}"
