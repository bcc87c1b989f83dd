"""Where a listener stands in a room's log, and whether the next event follows. Pure."""

from whatssound.client.errors import Gap, Repeated
from whatssound.wire.commands import Position


class Cursor:
    """Takes each logged event in and says when one is missing or repeated."""

    __slots__ = ("position",)

    def __init__(self, position: Position) -> None:
        self.position = position

    def follow(self, *, seq: int, prev: int, key: str) -> None:
        """Stand at this event from now on. Raises Gap when one before it is missing, Repeated when it is not newer."""
        at = self.position.seq
        if seq <= at:
            raise Repeated(at=at, seq=seq)
        if prev != at:
            raise Gap(at=at, prev=prev, seq=seq)
        self.position = Position(epoch=self.position.epoch, seq=seq, key=key)
