"""What the claims of a signed token make of whoever shows it. Pure."""

from typing import Annotated, Any, Final, cast, get_args

import msgspec
from msgspec import Meta

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.user import Identity, Role
from whatssound.ids import UserId, parse_id

_Seconds = Annotated[float, Meta(ge=0, le=1e12)]


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tokens that we make carry. Without `sub` a token only reads."""

    role: Role
    exp: _Seconds
    sub: str | None = None
    name: str = ""
    iat: _Seconds | None = None
    fixed: bool = False
    """`role` was asked for; otherwise it is the person's own, and may have changed since."""


class _Everybodys(msgspec.Struct, frozen=True):
    """What every token must say; `exp` and `iat` are Unix seconds."""

    role: Annotated[str, Meta(min_length=1)]
    exp: _Seconds
    iat: _Seconds | None = None
    sub: str | int | None = None


_ROLES: Final = frozenset(get_args(Role))
_OURS: Final = frozenset(Claims.__struct_fields__)


def identity_of(claims: dict[str, Any], *, ours: bool) -> Identity:
    """Who may do what by these claims, signed by our secret (`ours`) or by a trusted key of others.

    Only our secret makes somebody a person of this server, and only with a `sub` and a `role` of ours. Whoever else
    shows a good token is a stranger: their claims count on realtime topics, everywhere else they only read. Raises
    TokenRefusal.
    """
    said = _checked(claims)
    expires_ms, issued_ms = int(said.exp * 1_000), 0 if said.iat is None else round(said.iat * 1_000)
    more = b"" if ours and said.role in _ROLES and _OURS.issuperset(claims) else _kept(claims)
    person = _person(claims) if ours else None
    if person is not None:
        id, known = person
        return Identity(id, known.name, known.role, expires_ms, issued_ms, known.fixed, more)
    if said.sub is not None:
        more = _kept(claims | {"sub": str(said.sub)})
    return Identity(None, "", "anon", expires_ms, issued_ms, claims=more)


def _checked(claims: dict[str, Any]) -> _Everybodys:
    try:
        return msgspec.convert(claims, _Everybodys)
    except msgspec.ValidationError:
        pass
    needed = {name: claims.get(name) for name in ("role", "exp")}
    try:
        msgspec.convert(needed, _Everybodys)
    except msgspec.ValidationError:
        raise TokenRefusal("claims") from None
    raise TokenRefusal("malformed")


def _person(claims: dict[str, Any]) -> tuple[UserId, Claims] | None:
    try:
        said = msgspec.convert(claims, Claims)
        return None if said.sub is None or said.role == "anon" else (UserId(parse_id(said.sub)), said)
    except ValueError:
        return None


def _kept(claims: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(cast(Any, claims))
    except (ValueError, TypeError, msgspec.MsgspecError, RecursionError):
        raise TokenRefusal("malformed") from None
