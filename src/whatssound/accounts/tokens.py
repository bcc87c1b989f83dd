"""Tokens that prove who somebody is: signed access tokens, and refresh tokens known only by their hash."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Meta

from whatssound.accounts.user import Identity, Role, User
from whatssound.ids import UserId, parse_id
from whatssound.wire.errors import Refusal

ACCESS_LIFE_S = 3_600
"""An access token lives an hour; clients renew it at 80 %."""

REFRESH_LIFE_MS = 30 * 24 * 3_600 * 1_000
"""A refresh token lives 30 days, anew at every use."""

REFRESH_GRACE_MS = 30_000
"""A used refresh token works for another 30 s: two tabs, or an answer that got lost."""

TOKEN_CHARACTERS = 16_384
"""Longer than any token we make; longer ones are refused unread."""

CACHED_TOKENS = 16_384
"""5.4 MB. A verification costs 81 µs, a cached one 2.6 µs (16,000 tokens of ours, one core of a small server)."""


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What our JWTs carry. Without `sub` a token only reads."""

    role: Role
    exp: Annotated[float, Meta(ge=0, le=1e12)]
    sub: str | None = None
    name: str = ""
    iat: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    fixed: bool = False
    """`role` was asked for; otherwise it is the person's own, and may have changed since."""


class AccessTokens:
    """Issues and verifies access tokens: JWT, HS256.

    `verify` is synchronous and remembers what it has checked, by the token's hash, up to `CACHED_TOKENS`.
    """

    def __init__(self, key: bytes, *, now_ms: Callable[[], float]) -> None:
        self._key = OctKey.import_key(key)
        self._now_ms = now_ms
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()

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
        """Who `token` speaks for. Raises Refusal `unauthorized` when it is not ours, malformed or expired."""
        if len(token) > TOKEN_CHARACTERS:
            raise _not_ours()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        identity = self._verified.get(digest)
        if identity is None:
            identity = self._read(token)
            self._remember(digest, identity)
        else:
            self._verified.move_to_end(digest)
        if self._now_ms() >= identity.expires_ms:
            self._verified.pop(digest, None)
            raise Refusal("unauthorized", "Your sign-in has expired; renew it.", details={"expired": True})
        return identity

    def _read(self, token: str) -> Identity:
        try:
            claims = msgspec.convert(jwt.decode(token, self._key, algorithms=["HS256"]).claims, Claims)
            user_id = None if claims.sub is None else UserId(parse_id(claims.sub))
        except (JoseError, ValueError) as error:
            raise _not_ours() from error
        role = claims.role if user_id is not None else "anon"
        issued_ms = 0 if claims.iat is None else round(claims.iat * 1_000)
        return Identity(user_id, claims.name, role, int(claims.exp * 1_000), issued_ms, claims.fixed)

    def _remember(self, digest: bytes, identity: Identity) -> None:
        self._verified[digest] = identity
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)


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
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def was_stolen(token: RefreshToken, now_ms: float) -> bool:
    """Whether this use of `token` means that two parties hold it: it was used, longer ago than the grace."""
    return token.used_ms is not None and now_ms > token.used_ms + REFRESH_GRACE_MS


def _not_ours() -> Refusal:
    return Refusal("unauthorized", "This token is not valid here; sign in again.")
