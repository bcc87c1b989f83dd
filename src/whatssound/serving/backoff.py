"""How long a process that ended waits until it is started again. Pure."""

from typing import Final

FIRST_S: Final = 0.25
MOST_S: Final = 10.0

STEADY_S: Final = 30.0
"""A process that lived this long had a good start: its end is counted as the first one."""


def wait_s(quick_ends: int) -> float:
    """The wait before the next start, by how often in a row it ended before `STEADY_S`: at once, then ever longer."""
    return 0.0 if quick_ends <= 1 else min(FIRST_S * 2 ** min(quick_ends - 2, 10), MOST_S)
