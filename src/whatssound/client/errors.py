"""What can go wrong on this side; what the server says no to is `wire.errors.Refusal`."""


class Unreachable(ConnectionError):
    """The server does not answer, or something that is not a WhatsSound server does."""


class Offline(ConnectionError):
    """The connection was lost, or the room left, before the answer came: it may or may not have happened."""


class NotAnswered(TimeoutError):
    """No answer came in time: it may or may not have happened."""


class BrokenOrder(Exception):
    """Events did not follow one another as promised; the room is joined anew, from scratch.

    It is counted in `Room.statistics()` rather than raised. It does not happen: the server repairs gaps before it
    writes. Whoever sees one has found a fault of ours.
    """


class Gap(BrokenOrder):
    """An event follows one that never came."""

    def __init__(self, *, at: int, prev: int, seq: int) -> None:
        super().__init__(f"event {seq} follows {prev}, but {at} was the last that came")
        self.at = at
        self.prev = prev
        self.seq = seq


class Repeated(BrokenOrder):
    """An event came again, or late."""

    def __init__(self, *, at: int, seq: int) -> None:
        super().__init__(f"event {seq} came when {at} was already there")
        self.at = at
        self.seq = seq
