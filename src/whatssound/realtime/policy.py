"""Policies: who may do what on private topics, judged by the claims of a token."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec
import structlog

from whatssound.accounts.user import Identity
from whatssound.ids import parse_id

Extension = Literal["broadcast", "presence", "persistence"]
Operation = Literal["read", "write"]

Claims = Mapping[str, Any]

SERVICE_ROLE: Final = "service_role"

OUR_ROLE: Final = "whatssound_role"
"""The claim that says which role somebody has on this server. Nobody else's tokens have it: it is taken out of them."""

LEAST_ID: Final = 1 << 40
"""No person's id is smaller who came later than 5 minutes after 2026 began: larger numbers could be taken for one."""

COMPLAIN_EVERY_S: Final = 10.0
"""How often a policy that fails is written down."""

_log = structlog.get_logger("whatssound.realtime.policy")


class Policy(Protocol):
    """Whether somebody may do something on a private topic. Asked on the event loop: it must not wait for anything.

    `topic` is its name without `realtime:`. Joining needs `read` of `broadcast` or `presence`; keeping a message needs
    `write` of `persistence` besides that of `broadcast`.
    """

    def __call__(self, claims: Claims, topic: str, extension: Extension, operation: Operation) -> bool: ...


def default_policy(claims: Claims, topic: str, extension: Extension, operation: Operation) -> bool:
    """Whoever is somebody, here or elsewhere, may read and write private topics, but `user:<sub>` belongs to one alone.

    A token without `sub` may do nothing, one with the role `service_role` everything.
    """
    del extension, operation
    if claims.get("role") == SERVICE_ROLE:
        return True
    sub = claims.get("sub")
    if not sub:
        return False
    if not topic.startswith("user:"):
        return True
    return topic == f"user:{sub}" and (OUR_ROLE in claims or not _could_be_ours(sub))


def claims_of(identity: Identity) -> Claims:
    """All that the token of `identity` says, as policies see it: always with `role` and `exp`.

    Our own people have the role `authenticated`, `service` is `service_role`; what they are on this server stands under
    `whatssound_role`.
    """
    claims: dict[str, Any] = msgspec.json.decode(identity.claims) if identity.claims else {"role": "anon"}
    claims.pop(OUR_ROLE, None)
    claims["exp"] = identity.expires_ms // 1_000
    if identity.user_id is not None:
        claims |= {"sub": str(identity.user_id), "name": identity.name, OUR_ROLE: identity.role}
        claims["role"] = SERVICE_ROLE if identity.role == "service" else "authenticated"
    return claims


def same_person(one: Identity, other: Identity) -> bool:
    """Whether two tokens are of one person, here or elsewhere; two that are nobody's in particular are, too."""
    if one.user_id != other.user_id:
        return False
    return one.user_id is not None or claims_of(one).get("sub") == claims_of(other).get("sub")


class PolicyStatistics(NamedTuple):
    """How often it was asked, and how often it raised or gave no yes or no."""

    asked: int
    failed: int


class GuardedPolicy:
    """A policy of somebody else's: what it raises, and what is neither True nor False, counts as no and is logged."""

    def __init__(self, policy: Callable[..., object], *, now_s: Callable[[], float]) -> None:
        self._policy = policy
        self._now_s = now_s
        self._complained_s = float("-inf")
        self._asked = self._failed = 0

    def __call__(self, claims: Claims, topic: str, extension: Extension, operation: Operation) -> bool:
        """As Policy; never raises."""
        self._asked += 1
        try:
            answer = self._policy(claims, topic, extension, operation)
            if not isinstance(answer, bool):
                raise TypeError(f"a policy answers True or False, not {type(answer).__name__}")
        except Exception:  # the edge of somebody else's code
            self._complain(topic)
            return False
        return answer

    def statistics(self) -> PolicyStatistics:
        """What came of it."""
        return PolicyStatistics(self._asked, self._failed)

    def _complain(self, topic: str) -> None:
        self._failed += 1
        if self._now_s() - self._complained_s >= COMPLAIN_EVERY_S:
            self._complained_s = self._now_s()
            _log.exception("the policy failed, which counts as no", topic=topic, failed=self._failed)


def _could_be_ours(sub: str) -> bool:
    try:
        return parse_id(sub) >= LEAST_ID
    except ValueError:
        return False
