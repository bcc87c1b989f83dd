"""How far another node's time is ahead of this node's monotonic clock, judged from questions and answers. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT_SAMPLES: Final = 16

DRIFT: Final = 50e-6
"""How fast two crystals may run apart: 50 ppm, twice what they are sold for; 0.05 ms a second."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question and its answer, all in ms: asked at `t1` and answered at `t4` by the asker's monotonic clock.

    `t2` and `t3` are when it arrived and was answered, in the time of the one who was asked.
    """

    t1: float
    t2: float
    t3: float
    t4: float

    @property
    def ahead_ms(self) -> float:
        """The other's time minus the asker's clock, if both ways took equally long."""
        return (self.t2 - self.t1 + self.t3 - self.t4) / 2

    @property
    def bound_ms(self) -> float:
        """How wrong `ahead_ms` is at most: half of the time that was spent on the way."""
        return max(0.0, (self.t4 - self.t1 - (self.t3 - self.t2)) / 2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed, how wrong it was at most when it was measured, and when that was (monotonic ms)."""

    ahead_ms: float
    bound_ms: float
    at_ms: float

    def bound_at(self, now_ms: float) -> float:
        """How wrong it is at most at `now_ms`."""
        return self.bound_ms + max(0.0, now_ms - self.at_ms) * DRIFT


class ClockFilter:
    """Keeps the newest samples of one source and believes the one with the tightest bound, older ones less.

    A way that is slow in one direction only, for example behind a loop that flushes, makes a sample wrong by no more
    than its bound; the quickest question of sixteen was hardly ever delayed.
    """

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEPT_SAMPLES)

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: Sample) -> Estimate:
        """Take a sample; answers what is believed now."""
        self._samples.append(sample)
        best = min(self._samples, key=lambda kept: kept.bound_ms + (sample.t4 - kept.t4) * DRIFT)
        return Estimate(best.ahead_ms, best.bound_ms, best.t4)
