"""Who may open a socket now: so many a second, so many in all, from one address, of one person. Pure."""

import sys
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from whatssound.config import Limits
from whatssound.gateway.bucket import TokenBucket
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal
from whatssound.wire.hints import scattered_ms

LONGEST_WAIT_S: Final = 30.0
"""However many were sent away, nobody is asked to wait longer; who is early once more is told again."""

FULL_MS: Final = 10_000
"""Whose address or account has all its sockets is told to wait 5 to 15 s: one of the others has to go first. So is who
comes to a process that is full; a new connection may also come to another one."""


Key = TypeVar("Key")


class AdmissionStatistics(NamedTuple):
    """Who holds places, and how many were told to come back and may be on their way."""

    addresses: int
    people: int
    told_to_wait: int
    places: int
    """Sockets that this process has room for."""


class Admission:
    """Counts sockets as they come and go. Bounded by the sockets there are.

    `now_s` is a monotonic clock, `chance` gives 0 to below 1; `places` is how many sockets fit into this process.
    Who comes too early is told when it will be their turn, scattered by half, one after another at the rate at which
    this process lets people in: so those who listen to that do not meet again.
    Addresses are `addresses.home_of`: behind a proxy that is not trusted nobody can tell them apart ("" is not
    counted), and this computer itself is not limited, because whoever is on it has better means.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        now_s: Callable[[], float],
        chance: Callable[[], float],
        places: int = sys.maxsize,
    ) -> None:
        self._limits = limits
        self._places = places
        self._now_s = now_s
        self._chance = chance
        self._rate = limits.upgrades_per_second
        self._bucket = TokenBucket(self._rate, limits.upgrades_burst, now_s=now_s())
        self._owed = 0.0
        self._owed_at_s = now_s()
        self._homes: dict[str, int] = {}
        self._people: dict[UserId, int] = {}

    def arrive(self, sockets: int) -> None:
        """Count one upgrade, while so many sockets are here. Refusal `overloaded`: too many are, or come at once."""
        if sockets >= self._places:
            raise self._full("overloaded", "This server is full just now; try again in a moment.")
        now_s = self._now_s()
        self._owed = max(0.0, self._owed - (now_s - self._owed_at_s) * self._rate)
        self._owed_at_s = now_s
        if self._bucket.take(now_s):
            return
        self._owed += 1
        wait_s = min(LONGEST_WAIT_S, self._owed / self._rate)
        raise Refusal(
            "overloaded",
            "Very many people are coming at once; try again in a moment.",
            retry_after_ms=scattered_ms(1_000 * wait_s, self._chance()) + int(500 * wait_s),
        )

    def enter(self, home: str) -> None:
        """Take a place for a socket from `home`. Refusal `rate_limited` when it has all it may; `leave` gives back."""
        if not home or _is_here(home):
            return
        taken = self._homes.get(home, 0)
        if taken >= self._limits.sockets_per_address:
            message = f"There are {taken:,} connections from your network already; close some of them."
            raise self._full("rate_limited", message)
        self._homes[home] = taken + 1

    def leave(self, home: str) -> None:
        """A socket that had entered from `home` is gone."""
        if home and not _is_here(home):
            _give_back(self._homes, home)

    def enter_as(self, user: UserId, home: str) -> None:
        """Take a place for a socket of `user`. Refusal `rate_limited`; `leave_as` gives back."""
        if _is_here(home):
            return
        taken = self._people.get(user, 0)
        if taken >= self._limits.sockets_per_user:
            message = f"You are connected {taken} times already; close a page or an app somewhere."
            raise self._full("rate_limited", message)
        self._people[user] = taken + 1

    def leave_as(self, user: UserId, home: str) -> None:
        """A socket that had entered as `user` is gone."""
        if not _is_here(home):
            _give_back(self._people, user)

    def statistics(self) -> AdmissionStatistics:
        """Who holds places now, and who may be about to come."""
        owed = max(0.0, self._owed - (self._now_s() - self._owed_at_s) * self._rate)
        return AdmissionStatistics(len(self._homes), len(self._people), round(owed), self._places)

    def _full(self, code: str, message: str) -> Refusal:
        return Refusal(code, message, retry_after_ms=FULL_MS // 2 + scattered_ms(FULL_MS, self._chance()))


def _is_here(home: str) -> bool:
    """Whether `home` is this computer: what `addresses.home_of` makes of loopback addresses; `::` is that of `::1`."""
    return home == "::" or home.startswith("127.")


def _give_back(places: dict[Key, int], key: Key) -> None:
    left = places.get(key, 0) - 1
    if left > 0:
        places[key] = left
    else:
        places.pop(key, None)
