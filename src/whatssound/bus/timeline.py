"""One server time: every id, anchor and `clock` reply reads it, and it never steps."""

import time


class Timeline:
    """Server time in Unix ms: the wall clock read once, carried on by the monotonic clock.

    A wall clock that NTP or a person steps while the server runs does not move it; a restart reads the wall anew.
    """

    __slots__ = ("_monotonic_start_ns", "_wall_start_ns")

    def __init__(self) -> None:
        self._wall_start_ns = time.time_ns()
        self._monotonic_start_ns = time.monotonic_ns()

    def now_ms(self) -> float:
        """Unix time in ms, with µs decimals."""
        ns = self._wall_start_ns + time.monotonic_ns() - self._monotonic_start_ns
        return ns // 1_000 / 1_000

    def err_ms(self) -> float:
        """The bound of this node's error against the reference: 0, since one process is the reference."""
        return 0.0
