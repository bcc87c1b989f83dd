"""The newest events of one room, ready to be written: what joins and resumes are answered from. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from whatssound.bus.log import LogEvent, LogPosition
from whatssound.gateway.dialect import Dialect
from whatssound.wire.record import decode_record, with_position

TAIL_EVENTS = 500
TAIL_BYTES = 128 * 1024
"""Design §4: a resume is answered with up to 500 events or 128 KiB; beyond that a snapshot is cheaper."""


class TailEvent:
    """One event with its place in the log, encoded at most once for each dialect."""

    __slots__ = ("_frames", "_topic", "key", "name", "payload", "seq")

    def __init__(self, event: LogEvent, *, prev: int, topic: str) -> None:
        """`prev` is the reader's cursor, never the log's own link, so that what a client sees is without a break."""
        self.name, payload = decode_record(event.record)
        self.payload = with_position(payload, seq=event.seq, prev=prev, key=event.key)
        self.seq = event.seq
        self.key = event.key
        self._topic = topic
        self._frames: dict[Dialect, bytes] = {}

    def frame(self, dialect: Dialect) -> bytes:
        """The WebSocket frame for every channel of `dialect`: the same object each time."""
        frame = self._frames.get(dialect)
        if frame is None:
            frame = self._frames[dialect] = dialect.frame(self._topic, self.name, self.payload)
        return frame


class Tail:
    """The newest events of a room, unbroken from just after `base` up to `cursor`."""

    def __init__(
        self, base: LogPosition, topic: str, *, max_events: int = TAIL_EVENTS, max_bytes: int = TAIL_BYTES
    ) -> None:
        self.base = base
        """The position just before the first event that is kept."""
        self.cursor = base
        """The position of the newest event."""
        self.trimmed = False
        """Whether older events had to go: whoever stands before `base` needs a snapshot."""
        self._topic = topic
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[TailEvent] = deque()
        self._bytes = 0

    def append(self, event: LogEvent) -> TailEvent:
        """Take the next event; it comes right after the cursor."""
        kept = TailEvent(event, prev=self.cursor.seq, topic=self._topic)
        self.cursor = replace(self.cursor, seq=event.seq, key=event.key)
        self._events.append(kept)
        self._bytes += len(kept.payload)
        self._trim()
        return kept

    def since(self, after: LogPosition) -> list[TailEvent] | None:
        """Every event after `after`, oldest first; None when it is not known here."""
        if after.epoch != self.cursor.epoch:
            return None
        if after == self.cursor:
            return []
        events = list(self._events)
        if after == self.base:
            return events
        for index, event in enumerate(events):
            if event.seq == after.seq and event.key == after.key:
                return events[index + 1 :]
        return None

    def extended(self, after: LogPosition, replayed: Iterable[LogEvent]) -> "Tail":
        """This tail with older events in front: `replayed` is everything after `after`.

        Answers itself when they do not join up.
        """
        longer = Tail(after, self._topic, max_events=self._max_events, max_bytes=self._max_bytes)
        for event in replayed:
            if event.seq <= self.base.seq:
                longer.append(event)
        if longer.cursor != self.base:
            return self
        for kept in self._events:
            longer._adopt(kept)
        return longer

    def _adopt(self, kept: TailEvent) -> None:
        self.cursor = replace(self.cursor, seq=kept.seq, key=kept.key)
        self._events.append(kept)
        self._bytes += len(kept.payload)
        self._trim()

    def _trim(self) -> None:
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            oldest = self._events.popleft()
            self._bytes -= len(oldest.payload)
            self.base = replace(self.base, seq=oldest.seq, key=oldest.key)
            self.trimmed = True
