"""How far another node's time is ahead of this node's monotonic clock, judged from questions and answers. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from whatssound.wire.clock import DRIFT_PER_MS, Exchange, least_doubtful

KEPT_SAMPLES: Final = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed, how wrong it was at most when it was measured, and when that was (monotonic ms)."""

    ahead_ms: float
    bound_ms: float
    at_ms: float

    def bound_at(self, now_ms: float) -> float:
        """How wrong it is at most at `now_ms`."""
        return self.bound_ms + max(0.0, now_ms - self.at_ms) * DRIFT_PER_MS


class ClockFilter:
    """Keeps the newest samples of one source and believes the one with the tightest bound, older ones less.

    A way that is slow in one direction only, for example behind a loop that flushes, makes a sample wrong by no more
    than its bound; the quickest question of sixteen was hardly ever delayed.
    """

    def __init__(self) -> None:
        self._samples: deque[Exchange] = deque(maxlen=KEPT_SAMPLES)

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, exchange: Exchange) -> Estimate:
        """Take an exchange by the monotonic clock; answers what is believed now."""
        self._samples.append(exchange)
        best = least_doubtful(reversed(self._samples), exchange.t4) or exchange
        return Estimate(best.offset_ms, best.doubt_ms(best.t4), best.t4)
