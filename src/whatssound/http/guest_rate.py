"""How many new guests one address may bring."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from whatssound.addresses import home_of
from whatssound.wire.errors import Refusal

MAX_ADDRESSES: Final = 10_000
"""About 2 MB. Beyond it the address that was quiet for longest is forgotten, and starts anew."""


class GuestRate:
    """A token bucket per address: `per_minute` guests at once, then as many a minute.

    An IPv6 network of 64 bits counts as one address: every home has that many to choose from.
    """

    def __init__(self, per_minute: int, *, now_ms: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._now_ms = now_ms
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, address: str) -> None:
        """Count one new guest from `address`. Raises Refusal `rate_limited` when it brought too many."""
        now_ms, key = self._now_ms(), home_of(address)
        level, since_ms = self._levels.get(key, (float(self._per_minute), now_ms))
        level = min(self._per_minute, level + (now_ms - since_ms) * self._per_minute / 60_000)
        if level < 1:
            wait_ms = int((1 - level) * 60_000 / max(self._per_minute, 1)) + 1
            raise Refusal(
                "rate_limited", "Too many new guests from your network; wait a moment.", retry_after_ms=wait_ms
            )
        self._levels[key] = (level - 1, now_ms)
        self._levels.move_to_end(key)
        if len(self._levels) > MAX_ADDRESSES:
            self._levels.popitem(last=False)
