"""What makes a password, and the port behind which passwords are hashed."""

import unicodedata
from typing import Final, NamedTuple, Protocol

from whatssound.accounts.user import name_key
from whatssound.wire.errors import Refusal

MIN_CHARACTERS: Final = 8
MAX_BYTES: Final = 1_024
"""Long enough for any sentence; hashing takes no longer for it."""

_TRIED_FIRST: Final = """
password password1 password12 password123 password1234 passw0rd p@ssw0rd p@ssword pa55word pass1234
12345678 123456789 1234567890 0123456789 12341234 11223344 12344321 12121212 123123123 123321123
87654321 987654321 0987654321 147258369 159753456 1234qwer 123qweasd 12345qwert 123456abc
qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwertz123 qwertzui azertyui azertyuiop asdfghjk asdfghjkl
asdf1234 zxcvbnm1 zxcvbnm123 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz@wsx zaq12wsx q1w2e3r4 qazwsxedc abcd1234
abc12345 abcdefgh abcdefghi a1b2c3d4 aa123456 a1234567
iloveyou iloveyou1 ilovemusic sunshine princess football baseball basketball superman batman123 spiderman
trustno1 starwars pokemon1 dragon123 monkey123 letmein1 letmein123 welcome1 welcome123 whatever computer
internet michelle jennifer jordan23 charlie1 liverpool arsenal1 chelsea1 barcelona realmadrid corazon1
teamo123 tequiero contraseña contrasena contraseña1 contrasena1 changeme changeme1 changeme123 secret123
admin123 admin1234 administrator login123 test1234 testtest default1 guest123 summer2024 summer2025
whatssound whatssound1 whatssound123
"""

_COMMONEST: Final = frozenset(_TRIED_FIRST.split())
"""What is tried first; one character over and over is refused by a rule of its own."""


class Verdict(NamedTuple):
    """What came of comparing a password with a hash."""

    fits: bool
    outdated: bool = False
    """It fits, but the hash was made with other parameters than today's: store a new one."""


class PasswordHasher(Protocol):
    """Slow, salted hashes. Neither method blocks the event loop.

    A bounded number of passwords waits; the next one raises Refusal `overloaded` with `retry_after_ms`.
    """

    async def hash(self, password: str) -> str:
        """A hash that says by itself how it was made."""
        ...

    async def verify(self, password: str, hash: str | None) -> Verdict:
        """Whether `hash` was made from `password`. None never fits and takes as long."""
        ...


def normalised(password: str) -> str:
    """The password as it is hashed: however a keyboard composes, widens or spaces it, it is the same one.

    RFC 8265's OpaqueString, except that width does not tell apart (NFKC), as with names.
    """
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFKC", spaced)


def checked_password(password: str, name: str) -> str:
    """`password` normalised, when somebody called `name` may have it. Raises Refusal `invalid` that says why not."""
    kept = normalised(password)
    if len(kept) < MIN_CHARACTERS:
        raise Refusal("invalid", f"A password has at least {MIN_CHARACTERS} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Cn") for c in kept):
        raise Refusal("invalid", "A password has no control characters in it.")
    if len(kept.encode()) > MAX_BYTES:
        raise Refusal("invalid", f"A password has at most {MAX_BYTES:,} bytes.")
    if name_key(kept) == name_key(name):
        raise Refusal("invalid", "Your name is the first thing that somebody would try; choose another password.")
    if kept.casefold() in _COMMONEST or len(set(kept)) == 1:
        raise Refusal("invalid", "This is one of the passwords that everybody tries; choose another.")
    return kept
