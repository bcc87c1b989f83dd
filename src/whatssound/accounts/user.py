"""Who somebody is, and when two names count as the same. Pure."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

Role = Literal["anon", "guest", "user", "invited", "owner", "service"]
"""A token's role on this server; `anon` has no user behind it and only reads."""

MAX_NAME_CHARACTERS = 32

BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Hangul fillers and the empty Braille cell: letters to Unicode, nothing to a reader."""


@dataclass(frozen=True, slots=True)
class User:
    """A person with a place on this server."""

    id: UserId
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says: who, in which role, until when (Unix ms). Without `user_id` it only reads.

    Whoever is not a person of this server has the role `anon` here, whatever the token says.
    """

    user_id: UserId | None
    name: str
    role: Role
    expires_ms: int
    issued_ms: int = 0
    role_is_fixed: bool = False
    """The token was made for this role; otherwise its person's role counts as it is now."""
    claims: bytes = b""
    """All that the token says, a JSON object, when it says more than our own do; counts on realtime topics only."""


def checked_name(name: str) -> str:
    """`name` as it is stored: NFKC, single blanks, no control or invisible characters.

    Raises Refusal `invalid` when nothing is left or it is longer than 32 characters.
    """
    kept = " ".join("".join(_shown(c) for c in unicodedata.normalize("NFKC", name)).split())
    kept = unicodedata.normalize("NFKC", kept)
    if all(unicodedata.category(c)[0] in "MZ" for c in kept):
        raise Refusal("invalid", "Tell us a name of at least one letter.")
    if len(kept) > MAX_NAME_CHARACTERS:
        raise Refusal("invalid", f"A name has at most {MAX_NAME_CHARACTERS} characters.")
    return kept


def name_key(name: str) -> str:
    """What two names share when a reader would take them for the same: case, width and variation do not tell apart."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", "".join(c for c in folded if not _is_variation(c)))


def variants(name: str, below: Callable[[int], int]) -> list[str]:
    """Names to try when `name` may be taken, best first: itself, "Ana 2" to "Ana 9", then growing random numbers.

    `below(n)` gives a random integer of 0..n-1. Numbers up to ten million keep the list at 33 names and one query
    also for the hundred-thousandth "Guest".
    """
    numbers = list(range(2, 10))
    numbers += [10**digits + below(9 * 10**digits) for digits in range(1, 7) for _ in range(4)]
    return [name, *(_numbered(name, number) for number in numbers)]


def _numbered(name: str, number: int) -> str:
    suffix = f" {number}"
    return name[: MAX_NAME_CHARACTERS - len(suffix)].rstrip() + suffix


def _shown(character: str) -> str:
    if character in BLANK_LETTERS or unicodedata.category(character)[0] == "Z":
        return " "
    if character in "\t\n\r":
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") else character


def _is_variation(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or character == "\u034f"
