"""Tokens that prove who somebody is: signed access tokens, and refresh tokens known only by their hash."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import OctKey

from whatssound.accounts.claims import identity_of
from whatssound.accounts.signatures import Signatures
from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.trusted_keys import TrustedKeys
from whatssound.accounts.user import Identity, Role, User
from whatssound.ids import UserId

ACCESS_LIFE_S = 3_600
"""An access token lives an hour; clients renew it at 80 %."""

REFRESH_LIFE_MS = 30 * 24 * 3_600 * 1_000
"""A refresh token lives 30 days, anew at every use."""

REFRESH_GRACE_MS = 30_000
"""A used refresh token works for another 30 s: two tabs, or an answer that got lost."""

TOKEN_CHARACTERS = 16_384
"""Longer than any token we make; longer ones are refused unread."""

NEVER_MS: Final = 2**53
"""When what does not expire does, Unix ms: the largest number that every client reads exactly."""

READER: Final = Identity(None, "", "anon", NEVER_MS)
"""Whoever shows a publishable key."""

CACHED_TOKENS = 16_384
"""5.4 MB. A verification costs 81 µs, a cached one 2.6 µs (16,000 tokens of ours, one core of a small server)."""

CACHED_CLAIMS_BYTES = 16 * 1024 * 1024
"""What claims of others may take in that memory: 16,384 tokens of 1 KB; Supabase Auth's have about 0.6 KB."""


class AccessTokens:
    """Issues and verifies access tokens: JWT. What we issue is HS256; `signatures` says what else is taken.

    `publishable` are texts that a program may put into a page: whoever shows one only reads, and that never expires.
    `verify` is synchronous and remembers what it has checked, by the token's hash, up to `CACHED_TOKENS`.
    """

    def __init__(self, key: bytes, *, now_ms: Callable[[], float], publishable: Iterable[str] = ()) -> None:
        self._key = OctKey.import_key(key)
        self._now_ms = now_ms
        self._signatures = Signatures(key)
        self._publishable = {_digest(text): READER for text in publishable}
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()
        self._claims_bytes = 0
        self.on_unknown_key = self._signatures.on_unknown

    def trust(self, keys: TrustedKeys) -> None:
        """Take tokens by these keys of others too, from now on; what an earlier key signed is not believed any more."""
        self._signatures.trust(keys)
        self._verified.clear()
        self._claims_bytes = 0

    def issue(
        self, user: User | None, role: Role, ttl_s: float = ACCESS_LIFE_S, *, issued_ms: int | None = None
    ) -> str:
        """A token for `user`, or one that only reads when there is none."""
        issued_ms = int(self._now_ms()) if issued_ms is None else issued_ms
        claims: dict[str, Any] = {"role": role, "iat": issued_ms / 1_000, "exp": int(issued_ms // 1_000 + ttl_s)}
        if user is not None:
            claims |= {"sub": str(user.id), "name": user.name}
            if role != user.role:
                claims["fixed"] = True
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, self._key)

    def verify(self, token: str) -> Identity:
        """Who `token` speaks for. Raises TokenRefusal when it is nobody's whose word counts, malformed or expired."""
        if len(token) > TOKEN_CHARACTERS:
            raise TokenRefusal("malformed")
        digest = _digest(token)
        identity = self._verified.get(digest)
        if identity is None:
            if (reader := self._publishable.get(digest)) is not None:
                return reader
            signed = self._signatures.read(token)
            identity = identity_of(signed.claims, ours=signed.ours)
            self._remember(digest, identity)
        else:
            self._verified.move_to_end(digest)
        ago_ms = self._now_ms() - identity.expires_ms
        if ago_ms >= 0:
            self._forget(digest)
            raise TokenRefusal("expired", ago_ms=ago_ms)
        return identity

    def _remember(self, digest: bytes, identity: Identity) -> None:
        self._verified[digest] = identity
        self._claims_bytes += len(identity.claims)
        while len(self._verified) > CACHED_TOKENS or self._claims_bytes > CACHED_CLAIMS_BYTES:
            self._forget(next(iter(self._verified)))

    def _forget(self, digest: bytes) -> None:
        self._claims_bytes -= len(self._verified.pop(digest).claims)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is kept: by its hash. A family is one sign-in and every token that followed from it."""

    hash: bytes
    user_id: UserId
    family: int
    expires_ms: int
    used_ms: int | None = None


REFRESH_BYTES: Final = 32


def hash_of(token: str) -> bytes:
    """The SHA-256 by which refresh tokens and owner codes are kept; they are random, so no salt is needed."""
    return _digest(token)


def was_stolen(token: RefreshToken, now_ms: float) -> bool:
    """Whether this use of `token` means that two parties hold it: it was used, longer ago than the grace."""
    return token.used_ms is not None and now_ms > token.used_ms + REFRESH_GRACE_MS
