"""Who may do what on which topic: a visitor's claims, and a policy that judges them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from whatssound.accounts.user import Identity
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.topics import Topic
from whatssound.wire.errors import Refusal

Extension = Literal["broadcast", "presence", "persistence"]
Operation = Literal["read", "write"]

SERVICE_ROLE: Final = "service_role"


class Policy(Protocol):
    """Whether somebody may do something on a private topic. Asked on the event loop: it must not block or raise."""

    def __call__(self, claims: Mapping[str, Any], topic: str, extension: Extension, operation: Operation) -> bool: ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a good token."""

    identity: Identity
    claims: Mapping[str, Any]


class Access:
    """Judges tokens and topics for a process. `verify` answers or raises Refusal, as `gateway.services` has it."""

    def __init__(self, verify: Callable[[str], Identity], policy: Policy, *, private_only: bool = False) -> None:
        self._verify = verify
        self._policy = policy
        self._private_only = private_only

    def visitor(self, token: str) -> Visitor:
        """Who a token speaks for. Raises RealtimeRefusal `unauthorized` with the original's text."""
        try:
            return self.visitor_of(self._verify(token))
        except RealtimeRefusal:
            raise
        except Refusal as refusal:
            raise token_refused(refusal) from None

    def joining(self, token: str | None, socket: Identity | None, now_ms: float) -> Visitor:
        """Who joins a channel: by the `token` of the join, else by that of the `socket`.

        A publishable key in place of a token stands for the socket's own. Raises RealtimeRefusal `unauthorized`.
        """
        if token is not None and not token.startswith("sb_"):
            return self.visitor(token)
        if socket is None:
            raise RealtimeRefusal("unauthorized", "MalformedJWT: The token provided is not a valid JWT")
        left_ms = socket.expires_ms - now_ms
        if left_ms <= 0:
            reason = f"InvalidJWTToken: Token has expired {int(-left_ms // 1_000)} seconds ago"
            raise RealtimeRefusal("unauthorized", reason)
        return self.visitor_of(socket)

    def visitor_of(self, identity: Identity) -> Visitor:
        """Who somebody is whose token was found good before."""
        return Visitor(identity, claims_of(identity))

    def require_kind(self, topic: Topic) -> None:
        """Raises RealtimeRefusal when only private topics are allowed and this is none."""
        if self._private_only and not topic.private:
            raise RealtimeRefusal("forbidden", "PrivateOnly: This project only allows private channels")

    def allows(self, visitor: Visitor, topic: Topic, extension: Extension, operation: Operation) -> bool:
        """On public topics anybody may do anything but keep messages; on private ones the policy says."""
        if not topic.private:
            return extension != "persistence"
        return self._policy(visitor.claims, topic.name, extension, operation)


def default_policy(claims: Mapping[str, Any], topic: str, extension: Extension, operation: Operation) -> bool:
    """Whoever is somebody may read and write private topics, and `user:<sub>` belongs to that person alone."""
    del extension, operation
    if claims.get("role") == SERVICE_ROLE:
        return True
    sub = claims.get("sub")
    if not sub:
        return False
    return not topic.startswith("user:") or topic == f"user:{sub}"


def claims_of(identity: Identity) -> Mapping[str, Any]:
    """What the token of `identity` says, as policies see it."""
    claims: dict[str, Any] = {"role": _ROLES.get(identity.role, "authenticated"), "exp": identity.expires_ms // 1_000}
    if identity.user_id is not None:
        claims |= {"sub": str(identity.user_id), "name": identity.name, "whatssound_role": identity.role}
    return claims


_ROLES: Final = {"anon": "anon", "service": SERVICE_ROLE}


def token_refused(refusal: Refusal) -> RealtimeRefusal:
    """The original's text for a token that is not taken."""
    details = refusal.details or {}
    if details.get("expired"):
        return RealtimeRefusal("unauthorized", "InvalidJWTToken: Token has expired 0 seconds ago")
    if refusal.code != "unauthorized":
        return RealtimeRefusal(refusal.code, refusal.message, retry_after_ms=refusal.retry_after_ms)
    return RealtimeRefusal("unauthorized", "JwtSignatureError: Failed to validate JWT signature")
