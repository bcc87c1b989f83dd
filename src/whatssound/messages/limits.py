"""How often somebody may speak: token buckets. Pure; the time is an argument."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, and `per_s` sustained."""

    per_s: float
    burst: float


NEVER_MS = 60_000
"""What is said to whoever asks for something whose rate is 0: settings may change."""


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """What is left at `at_ms` of a rate's burst."""

    tokens: float
    at_ms: float


def taken(bucket: TokenBucket, rate: Rate, now_ms: float, count: int = 1) -> tuple[TokenBucket, int]:
    """The bucket after so many more, and 0; or the same bucket, and the ms after which so many will do.

    A clock that steps back gives nothing and takes nothing; a rate of 0 lets nobody through.
    """
    passed_ms = max(0.0, now_ms - bucket.at_ms)
    tokens = min(rate.burst, bucket.tokens + passed_ms * rate.per_s / 1_000)
    if tokens >= count:
        return TokenBucket(tokens - count, max(now_ms, bucket.at_ms)), 0
    return bucket, int((count - tokens) * 1_000 / rate.per_s) + 1 if rate.per_s else NEVER_MS


Key = TypeVar("Key")


class Buckets(Generic[Key]):
    """A bucket for each of many keys; the ones unused for longest are forgotten first, which refills them.

    `capacity` bounds the memory (about 200 bytes a key).
    """

    def __init__(self, rate: Rate, *, capacity: int) -> None:
        self._rate = rate
        self._capacity = capacity
        self._buckets: OrderedDict[Key, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Key, now_ms: float, count: int = 1) -> int:
        """0 when `key` may go on, else the ms it should wait. No more than a burst is ever allowed at once."""
        bucket = self._buckets.pop(key, None) or TokenBucket(self._rate.burst, now_ms)
        self._buckets[key], wait_ms = taken(bucket, self._rate, now_ms, count)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return wait_ms

    def give_back(self, key: Key) -> None:
        """Undo a `take` that led to nothing."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets[key] = TokenBucket(min(self._rate.burst, bucket.tokens + 1.0), bucket.at_ms)
