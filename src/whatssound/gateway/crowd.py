"""The channels of one room that speak one serializer, and how far each has been written to."""

import sys
from collections.abc import Callable, Hashable, Iterable
from typing import Final, NamedTuple, Protocol

import structlog

from whatssound.gateway.burst import Burst, Part

LOOKS: Final = 16
"""Writes between two looks at the clock: about 0.2 ms."""

GONE: Final = sys.maxsize
"""The mark of a channel that has left: it has everything."""

_log = structlog.get_logger("whatssound.gateway.crowd")


class Take(Protocol):
    """Writes a burst to one socket; see `Outbox.take`."""

    def __call__(self, burst: Burst, /) -> None: ...


class Written(NamedTuple):
    """What one slice has done."""

    finished: bool
    writes: int
    frames: int
    """Events times sockets."""


class _Slot:
    """One channel's place. `mark` is the number of the next part it needs."""

    __slots__ = ("mark", "take")

    def __init__(self, take: Take, mark: int) -> None:
        self.take = take
        self.mark = mark


class Crowd:
    """Parts are numbered as they come; every channel has a mark up to which it has them.

    A flush writes each channel everything from its mark up to the newest part that is due, in one write, and may be
    cut into slices. So whatever happens between two slices keeps each channel's order: who enters has a mark of its
    own, who gets something out of turn is caught up first, and parts that become due meanwhile ride along.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._slots: list[_Slot] = []
        self._of: dict[Hashable, _Slot] = {}
        self._parts: list[Part] = []
        self._base = 0
        """The number of the first part that is kept."""
        self._due = 0
        self._cursor = 0
        self._scanning = False
        self._again = False
        self._bursts: dict[int, Burst] = {}
        self.waiting_bytes = 0
        """What is gathered and not due yet."""

    def __len__(self) -> int:
        return len(self._of)

    @property
    def _end(self) -> int:
        return self._base + len(self._parts)

    def enter(self, member: Hashable, take: Take, missed: Iterable[bytes] = ()) -> None:
        """Write `missed` to `member`, which has everything then, and from now on whatever is added."""
        self.leave(member)
        if parts := [Part(frame) for frame in missed]:
            take(Burst(parts))
        slot = self._of[member] = _Slot(take, self._end)
        self._slots.append(slot)

    def leave(self, member: Hashable) -> None:
        """Nothing more is written to `member`."""
        if (slot := self._of.pop(member, None)) is not None:
            # It stays where it is, so that a scan under way misses nobody; `_finish` throws it away.
            slot.mark = GONE
        if not self._of:
            self._forget()

    def add(self, part: Part) -> None:
        """Gather a part for everybody who is here."""
        if self._of:
            self._parts.append(part)
            self.waiting_bytes += len(part.frame)

    def catch_up(self, member: Hashable) -> int:
        """Write `member` what is gathered for it, because something follows that must not overtake; how many parts."""
        slot = self._of.get(member)
        if slot is None or slot.mark >= self._end:
            return 0
        burst = Burst(self._parts[slot.mark - self._base :])
        slot.mark = self._end
        slot.take(burst)
        return len(burst.parts)

    def call(self) -> None:
        """Everything that is gathered is due now."""
        if self._due != self._end:
            self._due = self._end
            self._bursts.clear()
            self._again = self._scanning
            self.waiting_bytes = 0

    def write(self, until_s: float) -> Written:
        """Write what is due, to as many channels as there is time for. What a socket raises is its own end."""
        if not self._scanning and self._base == self._due:
            return Written(True, 0, 0)
        slots, index, writes, frames = self._slots, self._cursor, 0, 0
        self._scanning = True
        while True:
            due, known, burst = self._due, -1, None
            while index < len(slots):
                slot = slots[index]
                index += 1
                mark = slot.mark
                if mark >= due:
                    continue
                if mark != known or burst is None:
                    known, burst = mark, self._burst(mark)
                slot.mark = due
                try:
                    slot.take(burst)
                except Exception:
                    _log.exception("a frame could not be handed to a socket")
                    slot.mark = GONE
                writes += 1
                frames += len(burst.parts)
                if not writes % LOOKS and self._now_s() >= until_s:
                    self._cursor = index
                    return Written(False, writes, frames)
            if not self._again:
                break
            self._again, index = False, 0
        self._finish()
        return Written(True, writes, frames)

    def _burst(self, mark: int) -> Burst:
        burst = self._bursts.get(mark)
        if burst is None:
            burst = self._bursts[mark] = Burst(self._parts[mark - self._base : self._due - self._base])
        return burst

    def _finish(self) -> None:
        """Everybody has what was due."""
        self._cursor, self._scanning = 0, False
        self._bursts.clear()
        del self._parts[: self._due - self._base]
        self._base = self._due
        if len(self._slots) - len(self._of) > 16 + len(self._of) // 4:
            self._slots = [slot for slot in self._slots if slot.mark != GONE]

    def _forget(self) -> None:
        self._base = self._due = self._end
        self._parts.clear()
        self._slots, self._cursor, self._scanning, self._again = [], 0, False, False
        self._bursts.clear()
        self.waiting_bytes = 0
