"""What listeners of one process hear, understood once for all of them.

Every listener gets the same bytes, so what a read brought is looked up by its bytes: a read costs a system call and one
look into a dictionary, however many frames it has.
"""

from array import array
from typing import Final

from load.frames import CLOSE, TEXT, Frame, decode_message, event_of, frames_in
from load.log import LoggedEvent

KEPT_CHUNKS: Final = 20_000
"""Different reads that are remembered; then all are forgotten at once."""


class Heard:
    """What one read means when it holds nothing but whole frames that all listeners get."""

    __slots__ = ("codes", "last", "last_ns")

    def __init__(self, codes: array) -> None:
        self.codes = codes
        self.last = codes[-1] if codes else -1
        self.last_ns = 0


class Hearing:
    """The events of this process, and the reads that were met before."""

    def __init__(self) -> None:
        self.events: list[LoggedEvent] = []
        self.last_ns: list[int] = []
        self._numbers: dict[LoggedEvent, int] = {}
        self._frames: dict[bytes, int] = {}
        self._chunks: dict[bytes, Heard] = {}
        self.known = self._chunks.get

    def learned(self, data: bytes) -> Heard | None:
        """What `data` means, if it is the same for everybody; remembered for the next listener that reads it."""
        codes = array("i")
        end = 0
        for frame, end in frames_in(data):  # noqa: B007 - the last offset is what counts
            code = self.shared(frame)
            if code is None:
                return None
            if code >= 0:
                codes.append(code)
        if end != len(data):
            return None
        if len(self._chunks) >= KEPT_CHUNKS:
            self._forget()
        heard = self._chunks[data] = Heard(codes)
        return heard

    def shared(self, frame: Frame) -> int | None:
        """The number of the event in `frame`, -1 for one that is not logged, None for one listener's own message."""
        if frame.kind != TEXT:
            return None if frame.kind == CLOSE else -1
        code = self._frames.get(frame.payload)
        if code is not None:
            return code
        message = decode_message(frame.payload)
        if message.topic == "phoenix":
            code = -1
        elif message.event.startswith("phx_"):
            return None
        else:
            code = self.number(message.event, bytes(message.payload))
        if len(self._frames) >= KEPT_CHUNKS:
            self._frames.clear()
        self._frames[frame.payload] = code
        return code

    def number(self, name: str, payload: bytes) -> int:
        """The number of an event, -1 for one that is not logged."""
        event = event_of(name, payload)
        if event is None:
            return -1
        code = self._numbers.get(event)
        if code is None:
            code = self._numbers[event] = len(self.events)
            self.events.append(event)
            self.last_ns.append(0)
        return code

    def settle(self) -> None:
        """Bring `last_ns` up to date with what reads have noted."""
        for heard in self._chunks.values():
            for code in heard.codes:
                self.last_ns[code] = max(self.last_ns[code], heard.last_ns)

    def _forget(self) -> None:
        self.settle()
        self._chunks.clear()
