"""Server time here: the four-timestamp exchange, filtered. Pure.

An offset measured over a slow round trip is wrong by up to half of it, so the sample with the least doubt counts, not
the mean (the page's filter is the same).
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT: Final = 40
"""At one sample in 15 s the last ten minutes; older ones would have lost to drift anyway."""

DRIFT_PER_MS: Final = 50e-6
"""Two quartz clocks part by up to about 50 ppm; a sample's doubt grows by that."""

LEAP_MS: Final = 250
"""Two clocks of one machine that part by more were stopped or set: sleep, or somebody turned the clock."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sent at `t1`, received there at `t2`, answered at `t3`, back at `t4`: ms, 1 and 4 by the local clock.

    `err_ms` is what the server itself doubts.
    """

    t1: float
    t2: float
    t3: float
    t4: float
    err_ms: float = 0.0

    @property
    def rtt_ms(self) -> float:
        """How long it was on its way."""
        return self.t4 - self.t1 - (self.t3 - self.t2)

    @property
    def offset_ms(self) -> float:
        """Server time minus local time, if both ways took equally long."""
        return (self.t2 - self.t1 + (self.t3 - self.t4)) / 2

    def doubt_ms(self, local_ms: float) -> float:
        """How far `offset_ms` may be wrong at `local_ms`."""
        return self.rtt_ms / 2 + abs(local_ms - self.t4) * DRIFT_PER_MS


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
        # the newest first: among equals the younger one counts
        return min(reversed(self._samples), key=lambda sample: sample.doubt_ms(local_ms), default=None)


class LeapWatch:
    """Notices that the steady clock stood still (the machine slept), or that the wall clock was set."""

    def __init__(self, *, local_ms: float, wall_ms: float) -> None:
        self._apart_ms = wall_ms - local_ms

    def leap_ms(self, *, local_ms: float, wall_ms: float) -> float:
        """By how much the local clock has fallen behind, told once for each leap; 0 for ordinary scatter."""
        leap_ms = wall_ms - local_ms - self._apart_ms
        self._apart_ms += leap_ms
        return leap_ms if abs(leap_ms) > LEAP_MS else 0.0
