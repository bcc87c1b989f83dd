"""How often an address may bring somebody new, and how often a password may be tried."""

from collections.abc import Callable
from typing import Final

from whatssound.accounts.user import name_key
from whatssound.addresses import home_of
from whatssound.config import Limits
from whatssound.ids import UserId
from whatssound.messages.limits import Buckets, Rate
from whatssound.wire.errors import Refusal

MAX_KEYS: Final = 10_000
"""About 2 MB a limit. Beyond it the address or name that was quiet for longest is forgotten, and starts anew."""

NAME_FACTOR: Final = 3
"""One address alone cannot use up the tries for somebody's name, and so cannot keep them out."""


class SignInRates:
    """Token buckets: a minute's worth at once, then as many a minute.

    Addresses count by home: an IPv4 address, or the 64-bit network of an IPv6 one.
    """

    def __init__(self, limits: Limits, *, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._new_people = _buckets(limits.guests_per_minute)
        self._homes = _buckets(limits.logins_per_minute)
        self._names = _buckets(limits.logins_per_minute * NAME_FACTOR)
        self._people: Buckets[UserId] = Buckets(_rate(limits.logins_per_minute), capacity=MAX_KEYS)

    def new_person(self, address: str) -> None:
        """Count somebody new from `address`. Raises Refusal `rate_limited`."""
        wait_ms = self._new_people.take(home_of(address), self._now_ms())
        if wait_ms:
            raise Refusal(
                "rate_limited", "Too many new guests from your network; wait a moment.", retry_after_ms=wait_ms
            )

    def login(self, address: str, name: str) -> None:
        """Count one try of a password, whoever has the name or nobody. Raises Refusal `rate_limited`."""
        now_ms = self._now_ms()
        _tried(self._homes.take(home_of(address), now_ms) or self._names.take(name_key(name), now_ms))

    def password(self, user_id: UserId) -> None:
        """Count one try of somebody who is signed in. Raises Refusal `rate_limited`."""
        _tried(self._people.take(user_id, self._now_ms()))


def _tried(wait_ms: int) -> None:
    if wait_ms:
        raise Refusal("rate_limited", "Too many tries to sign in; wait a moment.", retry_after_ms=wait_ms)


def _buckets(per_minute: int) -> Buckets[str]:
    return Buckets(_rate(per_minute), capacity=MAX_KEYS)


def _rate(per_minute: int) -> Rate:
    return Rate(per_minute / 60, per_minute)
