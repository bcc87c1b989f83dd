"""Who may do what on which topic: a visitor, and a policy that judges their claims."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.user import Identity
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.policy import Claims, Extension, Operation, Policy, claims_of
from whatssound.realtime.token_texts import refused_join
from whatssound.realtime.topics import Topic

KEY_PREFIX: Final = "sb_"
"""What Supabase's opaque keys begin with. Sent where a token belongs, one stands for the key of the socket."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a good token."""

    identity: Identity
    by_key: bool = False
    """It was the socket's own token, given with its address."""

    @property
    def claims(self) -> Claims:
        """All that the token says, as policies see it; made anew each time, so that no channel has to keep it."""
        return claims_of(self.identity)

    @property
    def sub(self) -> str | None:
        """Who it is for the one that made the token; None when the token is nobody's in particular."""
        return self.claims.get("sub")


class Access:
    """Judges tokens and topics for a process. `verify` and `is_recalled` are as `gateway.services` has them."""

    def __init__(
        self,
        verify: Callable[[str], Identity],
        policy: Policy,
        *,
        is_recalled: Callable[[Identity], bool],
        private_only: bool = False,
    ) -> None:
        self._verify = verify
        self._policy = policy
        self._is_recalled = is_recalled
        self._private_only = private_only

    def visitor(self, token: str) -> Visitor:
        """Who a token or a publishable key speaks for. Raises RealtimeRefusal `unauthorized`, Refusal `unavailable`."""
        try:
            return Visitor(self._verify(token))
        except TokenRefusal as refusal:
            raise refused_join(refusal) from None

    def joining(self, token: str | None, socket: Identity | None, now_ms: float) -> Visitor:
        """Who joins with `token`, or without one of their own by the key that their `socket` was opened with.

        Raises RealtimeRefusal `unauthorized`, Refusal `unavailable`.
        """
        if token is not None and (socket is None or not token.startswith(KEY_PREFIX)):
            return self.visitor(token)
        if socket is None:
            raise refused_join(TokenRefusal("malformed"))
        self.require_good(socket, now_ms)
        return Visitor(socket, by_key=True)

    def require_good(self, identity: Identity, now_ms: float) -> None:
        """Raises RealtimeRefusal `unauthorized` when a token that was good before has expired or was recalled."""
        if now_ms >= identity.expires_ms:
            raise refused_join(TokenRefusal("expired", ago_ms=now_ms - identity.expires_ms))
        if self._is_recalled(identity):
            raise refused_join(TokenRefusal("ended"))

    def require_kind(self, topic: Topic) -> None:
        """Raises RealtimeRefusal when only private topics are allowed and this is none."""
        if self._private_only and not topic.private:
            raise RealtimeRefusal("forbidden", "PrivateOnly: This project only allows private channels")

    def allows(self, visitor: Visitor, topic: Topic, extension: Extension, operation: Operation) -> bool:
        """On public topics anybody may do anything but keep messages; on private ones the policy says."""
        if not topic.private:
            return extension != "persistence"
        return self._policy(visitor.claims, topic.name, extension, operation)
