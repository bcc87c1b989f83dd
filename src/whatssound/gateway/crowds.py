"""The crowds of one topic, and what the flusher asks of them all together."""

from collections.abc import Hashable
from typing import TypeVar

from whatssound.gateway.crowd import Crowd, Written

K = TypeVar("K", bound=Hashable)


class Crowds(dict[K, Crowd]):
    """A crowd for each kind of listener: those of one kind get the same bytes."""

    @property
    def waiting_bytes(self) -> int:
        """What is gathered and not due yet."""
        return sum(crowd.waiting_bytes for crowd in self.values())

    def call(self) -> None:
        """Everything that is gathered is due now."""
        for crowd in self.values():
            crowd.call()

    def write(self, until_s: float) -> Written:
        """Write what is due, as much as there is time for."""
        writes = frames = 0
        for crowd in tuple(self.values()):
            done = crowd.write(until_s)
            writes, frames = writes + done.writes, frames + done.frames
            if not done.finished:
                return Written(False, writes, frames)
        return Written(True, writes, frames)
