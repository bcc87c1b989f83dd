"""One server time: every id, anchor and `clock` reply reads it, and it never steps."""

import time
from collections.abc import Callable
from typing import Final

from whatssound.bus.clock_filter import Estimate

SLEW: Final = 2_000
"""Corrections take 2,000 times their size, that is 0.5 ms a second: no listener hears a clock that bends so little."""


class Timeline:
    """Server time in Unix ms: the wall clock read once, carried on by the monotonic clock.

    A wall clock that NTP or a person steps while the server runs does not move it; a restart reads the wall anew.
    With several nodes `ClockSync` steers it to the reference's: in one step before it is ready, by bending afterwards.
    """

    __slots__ = ("_ahead_ns", "_bends_by_ns", "_estimate", "_from_ns", "_is_ready", "_monotonic_ns", "_until_ns")

    def __init__(
        self, *, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._from_ns = monotonic_ns()
        self._until_ns = self._from_ns
        self._ahead_ns = wall_ns() - self._from_ns
        self._bends_by_ns = 0
        self._estimate: Estimate | None = None
        self._is_ready = False

    def now_ms(self) -> float:
        """Unix time in ms, with µs decimals."""
        now_ns = self._monotonic_ns()
        return (now_ns + self._ahead_at(now_ns)) // 1_000 / 1_000

    def err_ms(self) -> float:
        """The bound of this node's error against the reference, ms; 0 where this node is the reference."""
        if self._estimate is None:
            return 0.0
        now_ns = self._monotonic_ns()
        still_ns = abs(self._ahead_ns + self._bends_by_ns - self._ahead_at(now_ns))
        return self._estimate.bound_at(now_ns / 1e6) + still_ns / 1e6

    def monotonic_ms(self) -> float:
        """This node's monotonic clock, ms: what samples are taken by."""
        return self._monotonic_ns() / 1e6

    def follow(self, estimate: Estimate) -> None:
        """Go to what was measured of the reference: at once before `ready`, later by 0.5 ms a second."""
        now_ns = self._monotonic_ns()
        wanted_ns = round(estimate.ahead_ms * 1e6)
        self._estimate = estimate
        if self._is_ready:
            self._bend(now_ns, wanted_ns - self._ahead_at(now_ns))
        else:
            self._ahead_ns = wanted_ns

    def ready(self) -> None:
        """Ids and anchors are made by this time from now on: it steps no more."""
        self._is_ready = True

    def lead(self) -> None:
        """This node is the reference: its time is right as it is, and stops bending where it stands."""
        self._estimate = None
        self._bend(self._monotonic_ns(), 0)

    def _bend(self, now_ns: int, by_ns: int) -> None:
        self._ahead_ns = self._ahead_at(now_ns)
        self._from_ns, self._bends_by_ns = now_ns, by_ns
        self._until_ns = now_ns + abs(by_ns) * SLEW

    def _ahead_at(self, now_ns: int) -> int:
        if now_ns >= self._until_ns:
            return self._ahead_ns + self._bends_by_ns
        bent_ns = (now_ns - self._from_ns) // SLEW
        return self._ahead_ns + (bent_ns if self._bends_by_ns > 0 else -bent_ns)
