"""How many a second, as Supabase counts: the average of the last minute, in ticks of 5 s. Pure."""

from typing import Final

TICK_S: Final = 5.0
TICKS: Final = 12
WINDOW_S: Final = TICK_S * TICKS


class RollingRate:
    """Counts what happened in the last 60 s. `now_s` is any monotonic clock; one that steps back counts as standing.

    The average is over the whole window, also in the first minute: who was quiet may do a minute's worth at once.
    """

    __slots__ = ("_tick", "_ticks", "_total")

    def __init__(self) -> None:
        self._ticks = [0] * TICKS
        self._total = 0
        self._tick = 0

    def add(self, count: int, now_s: float) -> None:
        """Count so many now."""
        self._turn(now_s)
        self._ticks[self._tick % TICKS] += count
        self._total += count

    def per_second(self, now_s: float) -> float:
        """How many a second, on average."""
        self._turn(now_s)
        return self._total / WINDOW_S

    def fits(self, more: int, limit_per_second: float, now_s: float) -> bool:
        """Whether the average stays within the limit with so many more; 0 is no limit."""
        if not limit_per_second:
            return True
        self._turn(now_s)
        return self._total + more <= limit_per_second * WINDOW_S

    def _turn(self, now_s: float) -> None:
        """Forget the ticks that lie behind the window."""
        tick = int(now_s // TICK_S)
        for passed in range(self._tick + 1, min(tick, self._tick + TICKS) + 1):
            self._total -= self._ticks[passed % TICKS]
            self._ticks[passed % TICKS] = 0
        self._tick = max(self._tick, tick)
