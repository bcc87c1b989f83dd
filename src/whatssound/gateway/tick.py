"""How long a topic's events are gathered before they are written to everybody at once. Pure.

Writing to a socket costs a system call, whatever is written: about 10 µs, so 10,000 listeners take a tenth of a second
for every flush. All topics of a process together may spend half of its time on that. A topic that needs less than its
share is never made to wait; one that needs more pays its last flush off before the next, and what happens meanwhile
goes out in the same write. So the tick is zero in small and in quiet rooms and grows with the load.
"""

from collections.abc import Iterable
from typing import Final

FLUSHING_SHARE: Final = 0.5
"""Of a process's time, for the flushes of all topics together; the rest is for joins, commands and reads."""

USUAL_TICK_S: Final = 0.25
"""The longest tick that is no overload: nobody notices a quarter of a second in a chat."""

LONGEST_TICK_S: Final = 1.0
"""Under overload. A topic that would need longer sheds chat until it has caught up."""

SPARE_S: Final = 0.01
"""What a topic that was quiet may spend before it has to wait: a few messages at once in a room of a hundred."""

WORST_DEBT_TICKS: Final = 5
"""A flood of control events, which never wait, makes a topic owe at most so many of the longest ticks."""

SMOOTHING: Final = 0.125
"""Of a new look at a topic's use; with four looks a second it is an average over about two."""

EAGER: Final = 2.0
"""A topic that had to wait would use more than it did, nobody knows how much; its share may double with each look."""


class Pace:
    """What one topic may spend, what it owes, and when it may write again. Times are of one monotonic clock."""

    __slots__ = ("_at_s", "_credit_s", "_share", "_use", "_used_s", "_waited")

    def __init__(self, now_s: float) -> None:
        self._at_s = now_s
        self._credit_s = SPARE_S
        self._share = FLUSHING_SHARE
        self._used_s = 0.0
        self._use = 0.0
        self._waited = False

    def spent(self, seconds: float, now_s: float) -> None:
        """A flush, or a slice of one, took `seconds`."""
        self._refill(now_s)
        worst_s = WORST_DEBT_TICKS * LONGEST_TICK_S * self._share
        self._credit_s = max(self._credit_s - seconds, -worst_s)
        self._used_s += seconds

    def wait_s(self, now_s: float) -> float:
        """How long what happens now is to be gathered: 0 to write it at once, at most `LONGEST_TICK_S`."""
        wait_s = min(self._debt_s(now_s), LONGEST_TICK_S)
        self._waited = self._waited or wait_s > 0
        return wait_s

    def overload_s(self, now_s: float) -> float:
        """For how long chat must be refused; 0 when there is no need."""
        return max(0.0, self._debt_s(now_s) - LONGEST_TICK_S)

    def look(self, window_s: float) -> float:
        """The share of the process's time that this topic asks for, after the `window_s` since the last look."""
        self._use += SMOOTHING * (self._used_s / window_s - self._use)
        asked = self._use * EAGER if self._waited else self._use
        self._used_s, self._waited = 0.0, False
        return asked

    def allow(self, share: float, now_s: float) -> None:
        """Spend at most `share` of the process's time from now on."""
        self._refill(now_s)
        self._share = share

    def _debt_s(self, now_s: float) -> float:
        self._refill(now_s)
        return max(0.0, -self._credit_s / self._share)

    def _refill(self, now_s: float) -> None:
        self._credit_s = min(SPARE_S, self._credit_s + self._share * max(0.0, now_s - self._at_s))
        self._at_s = now_s


def fair_share(asked: Iterable[float], budget: float = FLUSHING_SHARE) -> float:
    """The most that any one topic may use, so that all together stay within `budget`.

    Who asks for less gets it, and the others share the rest evenly: a busy room of 10,000 does not make a room of ten
    wait. All of it when they ask for no more than there is.
    """
    rest, shares = budget, sorted(asked)
    for index, share in enumerate(shares):
        level = rest / (len(shares) - index)
        if share >= level:
            return level
        rest -= share
    return budget
