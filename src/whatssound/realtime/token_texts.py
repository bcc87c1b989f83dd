"""What Supabase Realtime says about a token that it does not take, word for word: clients show it, and some read it."""

from typing import Final

from whatssound.accounts.token_refusal import Problem, TokenRefusal
from whatssound.realtime.errors import RealtimeRefusal

_TEXTS: Final[dict[Problem, tuple[str, str]]] = {
    "malformed": ("MalformedJWT", "The token provided is not a valid JWT"),
    "claims": ("InvalidJWTToken", "Fields `role` and `exp` are required in JWT"),
    "expired": ("InvalidJWTToken", "Token has expired"),
    "signature": ("JwtSignatureError", "Failed to validate JWT signature"),
    "signer": ("JwtSignerError", "Failed to generate JWT signer"),
    "ended": ("InvalidJWTToken", "This sign-in has ended"),
}
"""By problem: its code, and the text without what is particular to one token. `ended` is our own."""


def said_at_upgrade(refusal: TokenRefusal) -> str:
    """The `error` of an upgrade that is refused."""
    return _signer(refusal) if refusal.problem == "signer" else _TEXTS[refusal.problem][1]


def said_on_channel(refusal: TokenRefusal) -> str:
    """The `message` of the `system` event before a channel is closed."""
    if refusal.problem == "expired":
        return f"Token has expired {int(refusal.ago_ms // 1_000)} seconds ago"
    return said_at_upgrade(refusal)


def refused_join(refusal: TokenRefusal) -> RealtimeRefusal:
    """The answer to a join."""
    code, _ = _TEXTS[refusal.problem]
    return RealtimeRefusal("unauthorized", f"{code}: {said_on_channel(refusal)}")


def _signer(refusal: TokenRefusal) -> str:
    which = f' for key ID (kid) "{refusal.kid}"' if refusal.kid else ""
    return f"Failed to generate JWT signer{which}, check your JWT secret or JWKS configuration"
