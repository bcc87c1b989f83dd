"""The `clock` exchange: four times, and how far they can be wrong. Pure; the same for listeners and between nodes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DRIFT_PER_MS: Final = 50e-6
"""Two quartz clocks part by up to about 50 ppm, twice what they are sold for; an exchange's doubt grows by that."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sent at `t1`, received there at `t2`, answered at `t3`, back at `t4`: ms, 1 and 4 by the local clock.

    `err_ms` is what the other side itself doubts.
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
        """The other's time minus local time, if both ways took equally long."""
        return (self.t2 - self.t1 + (self.t3 - self.t4)) / 2

    def doubt_ms(self, local_ms: float) -> float:
        """How far `offset_ms` may be wrong at `local_ms`, by the way and by drift."""
        return max(0.0, self.rtt_ms) / 2 + abs(local_ms - self.t4) * DRIFT_PER_MS


def least_doubtful(newest_first: Iterable[Exchange], local_ms: float) -> Exchange | None:
    """The exchange that can be least wrong, the younger one among equals; None when there is none.

    Not the mean: an offset measured over a slow round trip is wrong by up to half of it.
    """
    return min(newest_first, key=lambda exchange: exchange.doubt_ms(local_ms), default=None)
