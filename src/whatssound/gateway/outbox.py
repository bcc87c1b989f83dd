"""A socket's bounded send queue: straight to the socket while it keeps up, otherwise a short line behind it."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

from whatssound.gateway.burst import Burst
from whatssound.gateway.lanes import NO_LANE, Lanes

SLICE_BYTES = 64 * 1024
"""What one write hands over at most, so that the progress of a long join reply can be seen."""

PROGRESS_BYTES = 256 * 1024
"""A join reply or a long broadcast may be longer than the bound, but so much of it must leave in every `limit_s`."""

EXEMPT_BYTES = 5_000_000
"""What such long frames together may hold waiting: Supabase's frame limit. Who joins again and again, unread, is cut
off."""


class OutboxStatistics(NamedTuple):
    """What waits in one outbox, and what was dropped from it."""

    waiting_frames: int
    waiting_bytes: int
    dropped_frames: int
    paused: bool


class _Waiting:
    """A frame in line. `state` names the unlogged state it carries; None means that it must arrive."""

    __slots__ = ("exempt", "frame", "sent", "since_s", "state")

    def __init__(self, frame: bytes, state: Hashable | None, exempt: bool, since_s: float) -> None:
        self.frame = frame
        self.state = state
        self.exempt = exempt
        self.since_s = since_s
        self.sent = 0


class Outbox:
    """The bounded send queue of one socket. Frames leave in the order they came.

    `write` hands bytes to the transport and never blocks; `paused`/`resumed` are the transport's back-pressure.
    While nothing waits here or there, crowds write to the descriptor `fd` in its place (see `Lanes`).
    What waits is bounded by `limit_bytes` and `limit_s` (design §5: 256 KiB, 5 s). Beyond that, superseded and then
    all unlogged state is dropped; if that is not enough `on_overflow` is called once and the outbox is finished:
    the socket must be closed with the advice to resume, because a logged event is never skipped.
    """

    __slots__ = (
        "_dropped",
        "_exempt_bytes",
        "_finished",
        "_lanes",
        "_limit_bytes",
        "_limit_s",
        "_now_s",
        "_on_overflow",
        "_paused",
        "_progress",
        "_progress_since_s",
        "_queue",
        "_waiting_bytes",
        "_write",
        "fd",
    )

    def __init__(
        self,
        write: Callable[[bytes | memoryview], None],
        on_overflow: Callable[[], None],
        *,
        limit_bytes: int,
        limit_s: float,
        now_s: Callable[[], float],
        lanes: Lanes | None = None,
        fd: int = NO_LANE,
    ) -> None:
        self.fd = fd
        self._lanes = lanes or Lanes()
        self._write = write
        self._on_overflow = on_overflow
        self._limit_bytes = limit_bytes
        self._limit_s = limit_s
        self._now_s = now_s
        self._queue: deque[_Waiting] | None = None
        """Made at the first need: an idle socket carries none."""
        self._waiting_bytes = 0
        self._exempt_bytes = 0
        self._dropped = 0
        self._progress = 0
        self._progress_since_s = 0.0
        self._paused = False
        self._finished = False
        self._lanes.clear(self)

    @property
    def mid_frame(self) -> bool:
        """Whether the transport has a part of a frame whose rest waits here: nothing may be written in between."""
        return bool(self._queue) and self._queue[0].sent > 0

    def send(self, frame: bytes, *, state: Hashable | None = None, exempt: bool = False) -> None:
        """Send `frame`, or put it in line.

        `state` names unlogged state (such as `("listeners", topic)`) that a later frame of the same name replaces;
        `exempt` is for join replies, which may be longer than the bound.
        """
        if self._finished:
            return
        if not self._paused and not self._queue and len(frame) <= SLICE_BYTES:
            self._write(frame)
            return
        self._enqueue(_Waiting(frame, state, exempt or self._is_long(frame), self._now_s()))
        self._flush()
        self._bound()

    def take(self, burst: Burst) -> None:
        """Send a tick's frames in one write, or put each in line: what is superseded there can go alone."""
        if self._queue is None and not self._paused and not self._finished and len(burst.joined) <= SLICE_BYTES:
            self._write(burst.joined)
            return
        if self._finished:
            return
        now_s = self._now_s()
        for frame, state in burst.parts:
            self._enqueue(_Waiting(frame, state, exempt=self._is_long(frame), since_s=now_s))
        self._flush()
        self._bound()

    def _is_long(self, frame: bytes) -> bool:
        """Whether a frame alone is longer than what may wait: it is treated as a join reply, which may be too."""
        return len(frame) > self._limit_bytes

    def _bound(self) -> None:
        if self._exempt_bytes > EXEMPT_BYTES:
            self._overflow()
        elif self._waiting_bytes > self._limit_bytes:
            self._make_room()

    def take_rest(self, burst: Burst, sent: int) -> None:
        """Send what the system did not take of a burst that was written past us."""
        self._write(memoryview(burst.joined)[sent:])

    def paused(self) -> None:
        """The transport has enough for now."""
        self._paused = True
        self._lanes.block(self)

    def resumed(self) -> None:
        """The transport takes more."""
        self._paused = False
        self._flush()

    def check(self, now_s: float) -> bool:
        """Finish a socket whose oldest frame waits too long; called about once a second. Whether something waits."""
        if self._finished:
            return False
        if not self._queue:
            return self._paused
        head = self._queue[0]
        if now_s - max(head.since_s, self._progress_since_s) <= self._limit_s:
            return True
        if head.exempt and self._progress >= PROGRESS_BYTES:
            self._progress, self._progress_since_s = 0, now_s
        else:
            self._overflow()
        return not self._finished

    def finish(self) -> None:
        """Forget what waits; later sends do nothing."""
        self._finished = True
        self._lanes.block(self)
        self._queue = None
        self._waiting_bytes = self._exempt_bytes = 0

    def statistics(self) -> OutboxStatistics:
        """What waits here now."""
        return OutboxStatistics(
            len(self._queue or ()), self._waiting_bytes + self._exempt_bytes, self._dropped, self._paused
        )

    def _enqueue(self, waiting: _Waiting) -> None:
        if self._queue is None:
            self._queue = deque()
            self._lanes.block(self)
        self._queue.append(waiting)
        if waiting.exempt:
            self._exempt_bytes += len(waiting.frame)
        else:
            self._waiting_bytes += len(waiting.frame)

    def _flush(self) -> None:
        while self._queue and not self._paused and not self._finished:
            self._write(self._part_of_head() if len(self._queue[0].frame) > SLICE_BYTES else self._whole_frames())
        if not self._queue:
            self._queue = None
            if not self._paused and not self._finished:
                self._lanes.clear(self)

    def _part_of_head(self) -> memoryview:
        assert self._queue
        head = self._queue[0]
        part = memoryview(head.frame)[head.sent : head.sent + SLICE_BYTES]
        head.sent += len(part)
        if head.sent >= len(head.frame):
            self._queue.popleft()
            self._left(head)
        if head.exempt:
            self._progress += len(part)
        return part

    def _whole_frames(self) -> bytes:
        """As many as one write takes: a line of small frames is a thousand of them."""
        frames, size = list[bytes](), 0
        while self._queue and size + len(self._queue[0].frame) <= SLICE_BYTES:
            head = self._queue.popleft()
            size += len(head.frame)
            frames.append(head.frame)
            self._left(head)
        return b"".join(frames)

    def _left(self, head: _Waiting) -> None:
        if head.exempt:
            # What waited behind a long reply gets its own five seconds from here.
            self._progress, self._progress_since_s = 0, self._now_s()
            self._exempt_bytes -= len(head.frame)
        else:
            self._waiting_bytes -= len(head.frame)

    def _make_room(self) -> None:
        """Drop superseded state first, then all unlogged state, then give up."""
        self._drop(self._superseded())
        if self._waiting_bytes > self._limit_bytes:
            self._drop({id(waiting) for waiting in self._queue or () if waiting.state is not None})
        if self._waiting_bytes > self._limit_bytes:
            self._overflow()

    def _superseded(self) -> set[int]:
        """The waiting frames whose state a later one replaces."""
        newest: set[Hashable] = set()
        found: set[int] = set()
        for waiting in reversed(self._queue or ()):
            if waiting.state in newest:
                found.add(id(waiting))
            elif waiting.state is not None:
                newest.add(waiting.state)
        return found

    def _drop(self, unwanted: set[int]) -> None:
        kept: deque[_Waiting] = deque()
        for waiting in self._queue or ():
            if id(waiting) in unwanted and waiting.sent == 0:
                self._dropped += 1
                self._waiting_bytes -= len(waiting.frame)
            else:
                kept.append(waiting)
        self._queue = kept

    def _overflow(self) -> None:
        self._finished = True
        self._lanes.block(self)
        self._on_overflow()
