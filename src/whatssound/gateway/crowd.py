"""The channels of one room or topic that get the same bytes, and how far each has been written to."""

import sys
from array import array
from collections.abc import Callable, Hashable, Iterable
from os import write
from typing import Final, NamedTuple

import structlog

from whatssound.gateway.burst import Burst, Part
from whatssound.gateway.lanes import Lanes, Outlet

LOOKS: Final = 16
"""Writes between two looks at the clock: about 0.2 ms."""

GONE: Final = sys.maxsize
"""The mark of a channel that has left: it has everything."""

_NOTHING: Final = Burst(())

_log = structlog.get_logger("whatssound.gateway.crowd")


class Written(NamedTuple):
    """What one slice has done."""

    finished: bool
    writes: int
    frames: int
    """Events times sockets."""


class Crowd:
    """Parts are numbered as they come; every channel has a mark up to which it has them.

    A flush writes each channel everything from its mark up to the newest part that is due, in one write, and may be
    cut into slices. So whatever happens between two slices keeps each channel's order: who enters has a mark of its
    own, who gets something out of turn is caught up first, and parts that become due meanwhile ride along.
    """

    def __init__(self, now_s: Callable[[], float], lanes: Lanes) -> None:
        self._now_s = now_s
        self._lanes = lanes
        self._index: dict[Hashable, int] = {}
        # One list a column, because a walk over ten thousand objects is ten thousand cache misses.
        self._marks: list[int] = []
        self._fds = array("i")
        self._outlets: list[Outlet | None] = []
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
        return len(self._index)

    @property
    def _end(self) -> int:
        return self._base + len(self._parts)

    def enter(self, member: Hashable, outlet: Outlet, missed: Iterable[bytes] = ()) -> None:
        """Write `missed` to `member`, which has everything then, and from now on whatever is added."""
        self.leave(member)
        if parts := [Part(frame) for frame in missed]:
            outlet.take(Burst(parts))
        self._index[member] = len(self._marks)
        self._marks.append(self._end)
        self._fds.append(outlet.fd)
        self._outlets.append(outlet)

    def leave(self, member: Hashable) -> None:
        """Nothing more is written to `member`."""
        if (index := self._index.pop(member, None)) is not None:
            # Its place stays, so that a scan under way misses nobody; `_finish` throws it away.
            self._marks[index], self._outlets[index] = GONE, None
        if not self._index:
            self._forget()

    def add(self, part: Part) -> None:
        """Gather a part for everybody who is here."""
        if self._index:
            self._parts.append(part)
            self.waiting_bytes += len(part.frame)

    def catch_up(self, member: Hashable) -> int:
        """Write `member` what is gathered for it, because something follows that must not overtake; how many parts."""
        index = self._index.get(member)
        outlet = None if index is None else self._outlets[index]
        if index is None or outlet is None or self._marks[index] >= self._end:
            return 0
        burst = Burst(self._parts[self._marks[index] - self._base :])
        self._marks[index] = self._end
        outlet.take(burst)
        return len(burst.parts)

    def skip(self, member: Hashable) -> None:
        """`member`, who is caught up, gets nothing of what was gathered since."""
        if (index := self._index.get(member)) is not None:
            self._marks[index] = self._end

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
        self._scanning = True
        writes = frames = 0
        while True:
            done = self._scan(until_s)
            writes, frames = writes + done.writes, frames + done.frames
            if not done.finished:
                return Written(False, writes, frames)
            if not self._again:
                self._finish()
                return Written(True, writes, frames)
            self._again, self._cursor = False, 0

    def _scan(self, until_s: float) -> Written:
        """One way over all channels, or as far as there is time for. The innermost loop: each line costs 1 %."""
        marks, fds, outlets, free, now_s = self._marks, self._fds, self._outlets, self._lanes.free, self._now_s
        due, known, burst, data, size = self._due, -1, _NOTHING, b"", 0
        writes = frames = 0
        for index in range(self._cursor, len(marks)):
            mark = marks[index]
            if mark >= due:
                continue
            if mark != known:
                known, burst = mark, self._burst(mark)
                data, size = burst.joined, len(burst.joined)
            marks[index] = due
            fd, sent = fds[index], -1
            if free[fd] is outlets[index]:
                try:
                    sent = write(fd, data)
                except OSError:
                    sent = -1  # it is full, or broken: its transport finds out which, and tells
            if sent != size:
                self._write_slowly(index, burst, sent)
            writes += 1
            frames += len(burst.parts)
            if not writes % LOOKS and now_s() >= until_s:
                self._cursor = index + 1
                return Written(False, writes, frames)
        return Written(True, writes, frames)

    def _write_slowly(self, index: int, burst: Burst, sent: int) -> None:
        outlet = self._outlets[index]
        try:
            if outlet is not None:
                outlet.take(burst) if sent < 0 else outlet.take_rest(burst, sent)
        except Exception:
            _log.exception("a frame could not be handed to a socket")
            self._marks[index] = GONE

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
        if len(self._marks) - len(self._index) > 16 + len(self._index) // 4:
            self._close_ranks()

    def _close_ranks(self) -> None:
        kept = list(self._index.values())
        self._index = dict(zip(self._index, range(len(kept)), strict=True))
        self._marks = [self._marks[index] for index in kept]
        self._fds = array("i", [self._fds[index] for index in kept])
        self._outlets = [self._outlets[index] for index in kept]

    def _forget(self) -> None:
        self._base = self._due = self._end
        self._parts.clear()
        self._marks, self._fds, self._outlets = [], array("i"), []
        self._cursor, self._scanning, self._again = 0, False, False
        self._bursts.clear()
        self.waiting_bytes = 0
