"""Server time here: `clock` exchanges, filtered as the page does it. Pure."""

from collections import deque
from typing import Final

from whatssound.wire.clock import Exchange, least_doubtful

KEPT: Final = 40
"""At one sample in 15 s the last ten minutes; older ones would have lost to drift anyway."""

LEAP_MS: Final = 250
"""Two clocks of one machine that part by more were stopped or set: sleep, or somebody turned the clock."""


class ClockFilter:
    """Believes the exchange that can be least wrong."""

    def __init__(self) -> None:
        self._samples: deque[Exchange] = deque(maxlen=KEPT)
        self._stale_ms: float | None = None

    def add(self, exchange: Exchange) -> None:
        """Take an exchange in; one whose times run backwards is ignored."""
        if exchange.rtt_ms >= 0 and exchange.t3 >= exchange.t2:
            self._samples.append(exchange)

    def forget(self, local_ms: float, *, leap_ms: float = 0.0) -> None:
        """The samples no longer count; `leap_ms` is how far the local clock is known to have fallen behind."""
        offset_ms = self.offset_ms(local_ms)
        self._stale_ms = None if offset_ms is None else offset_ms + leap_ms
        self._samples.clear()

    def offset_ms(self, local_ms: float) -> float | None:
        """What to add to local time; None before the first sample."""
        best = self._best(local_ms)
        return self._stale_ms if best is None else best.offset_ms

    def doubt_ms(self, local_ms: float) -> float | None:
        """How far `offset_ms` may be wrong; None before the first sample."""
        best = self._best(local_ms)
        return None if best is None else best.doubt_ms(local_ms) + best.err_ms

    def _best(self, local_ms: float) -> Exchange | None:
        return least_doubtful(reversed(self._samples), local_ms)


class LeapWatch:
    """Notices that the steady clock stood still (the machine slept), or that the wall clock was set."""

    def __init__(self, *, local_ms: float, wall_ms: float) -> None:
        self._apart_ms = wall_ms - local_ms

    def leap_ms(self, *, local_ms: float, wall_ms: float) -> float:
        """By how much the local clock has fallen behind, told once for each leap; 0 for ordinary scatter."""
        leap_ms = wall_ms - local_ms - self._apart_ms
        self._apart_ms += leap_ms
        return leap_ms if abs(leap_ms) > LEAP_MS else 0.0
