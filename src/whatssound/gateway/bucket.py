"""A token bucket: so many a second in the long run, so many at once. Pure."""


class TokenBucket:
    """Says whether one more is allowed now, and if not, when to come back.

    `now_s` is any monotonic clock, in seconds; the bucket starts full.
    """

    __slots__ = ("_at_s", "_burst", "_tokens", "per_second")

    def __init__(self, per_second: float, burst: float, *, now_s: float) -> None:
        self.per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._at_s = now_s

    def take(self, now_s: float, tokens: float = 1) -> bool:
        """Take so many tokens, a full bucket at most; False when they are not there."""
        self._refill(now_s)
        tokens = min(tokens, self._burst)
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True

    def wait_ms(self, now_s: float, tokens: float = 1) -> int:
        """How long until `tokens` will be there, rounded up to a whole ms; 0 when they are."""
        self._refill(now_s)
        missing = min(tokens, self._burst) - self._tokens
        return max(0, -int(-missing / self.per_second * 1_000 // 1))

    def _refill(self, now_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._at_s) * self.per_second)
        self._at_s = now_s
