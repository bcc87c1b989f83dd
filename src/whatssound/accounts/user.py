"""Who somebody is, and when two names count as the same. Pure."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

Role = Literal["anon", "guest", "user", "owner", "service"]
"""A token's role on this server; `anon` has no user behind it and only reads."""

MAX_NAME_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class User:
    """A person with a place on this server."""

    id: UserId
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says: who, in which role, until when (Unix ms). Without `user_id` it only reads."""

    user_id: UserId | None
    name: str
    role: Role
    expires_ms: int


def checked_name(name: str) -> str:
    """`name` as it is stored: NFKC, single blanks, no control or invisible characters.

    Raises Refusal `invalid` when nothing is left or it is longer than 32 characters.
    """
    visible = "".join(
        c if unicodedata.category(c)[0] != "Z" else " "
        for c in unicodedata.normalize("NFKC", name)
        if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    kept = " ".join(visible.split())
    if not kept:
        raise Refusal("invalid", "Tell us a name of at least one letter.")
    if len(kept) > MAX_NAME_CHARACTERS:
        raise Refusal("invalid", f"A name has at most {MAX_NAME_CHARACTERS} characters.")
    return kept


def name_key(name: str) -> str:
    """What two names share when a reader would take them for the same."""
    return unicodedata.normalize("NFKC", name).casefold()
