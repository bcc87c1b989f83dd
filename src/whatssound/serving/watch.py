"""Which processes have stopped answering, by how often they say that they are alive. Pure."""

import math
from typing import Final

ALIVE_S: Final = 1.0
"""How often a process says that it is alive, from its event loop: what holds that up holds up everybody."""

LOOK_S: Final = 1.0
"""How often the supervisor looks."""


class Watch:
    """Counts looks, not seconds: after a laptop slept, or the whole machine stood still, nobody has missed but one.

    A process is watched from the first time it is heard until it is forgotten; so one that starts may take its time.
    """

    def __init__(self, patience_s: float) -> None:
        """`patience_s` of silence are too many."""
        self._most = math.ceil(patience_s / LOOK_S)
        self._missed: dict[int, int] = {}

    def heard(self, process: int) -> None:
        """It lives."""
        self._missed[process] = 0

    def forget(self, process: int) -> None:
        """It has ended. One that was never heard is ignored."""
        self._missed.pop(process, None)

    def look(self) -> list[int]:
        """To be called every `LOOK_S`: who has been silent for too long."""
        for process in self._missed:
            self._missed[process] += 1
        return [process for process, missed in self._missed.items() if missed > self._most]
