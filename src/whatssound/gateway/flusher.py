"""Runs the flushes of a process's rooms: at once where that is cheap, in ticks where it is not, in slices always."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from whatssound.gateway.crowd import Written
from whatssound.gateway.lanes import Lanes
from whatssound.gateway.tick import FLUSHING_SHARE, Pace, fair_share

SLICE_S: Final = 0.002
"""After this the loop may do something else: a `clock` command that waits longer tells a wrong time."""

STOOD_STILL_S: Final = 0.5
"""A slice that took longer was a machine that stood still, not sockets: what is counted of it sheds no chat."""

FULL_BYTES: Final = 64 * 1024
"""A tick that has gathered as much is over: joining more saves nothing, and one write takes no more."""


QUIET_SHARE: Final = 1e-4
"""Of a process's time; a topic that uses less takes no part in the sharing."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""
        ...


class Loop(Protocol):
    """What is used of the event loop; tests turn one by hand."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Call back in the loop's next round."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call back after `delay` seconds."""
        ...


class Flushed(Protocol):
    """A topic that has something to write."""

    @property
    def waiting_bytes(self) -> int:
        """What is gathered and not due yet."""
        ...

    def call(self) -> None:
        """Everything that is gathered is due now."""
        ...

    def write(self, until_s: float) -> Written:
        """Write what is due, as much as there is time for."""
        ...


class FlusherStatistics(NamedTuple):
    """What flushing costs and what ticks save."""

    topics: int
    flushing: int
    """Topics with a flush under way."""
    waiting: int
    """Topics that gather a tick."""
    flushes: int
    writes: int
    frames: int
    """Events times sockets: by `writes`, how many share a system call."""
    flush_s: float
    """Time spent since the start; its growth per second is the share that may be a half."""
    share: float
    """What one topic may use now."""
    tick_s: float
    """The newest tick, of any topic."""
    yields: int
    """Times a flush let the loop do something else."""


class Turn:
    """One topic's place in the flusher."""

    __slots__ = ("_flusher", "_topic", "active", "pace", "timer")

    def __init__(self, flusher: "Flusher", topic: Flushed, now_s: float) -> None:
        self._flusher = flusher
        self._topic = topic
        self.pace = Pace(now_s)
        self.timer: Timer | None = None
        self.active = False

    def gathered(self, *, at_once: bool) -> None:
        """Something was gathered. `at_once` closes the tick: it goes out now, with all that came before it."""
        self._flusher.gathered(self, at_once=at_once or self._topic.waiting_bytes >= FULL_BYTES)

    def call(self) -> bool:
        """Whether there is anything to write; it is due from here on."""
        waits = self._topic.waiting_bytes > 0
        self._topic.call()
        return waits

    def write(self, until_s: float) -> Written:
        """See `Flushed.write`."""
        return self._topic.write(until_s)

    def overload_s(self) -> float:
        """For how long the topic must be spared; 0 when it keeps up."""
        return self.pace.overload_s(self._flusher.now_s())

    @property
    def gathers(self) -> bool:
        """Whether something waits for the next flush."""
        return self._topic.waiting_bytes > 0

    def close(self) -> None:
        """The topic is over."""
        self._flusher.remove(self)


class Flusher:
    """All topics of a process. Bounded by them: one turn and at most one timer each."""

    def __init__(
        self,
        *,
        lanes: Lanes | None = None,
        loop: Loop | None = None,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.lanes = lanes or Lanes()
        self._loop = loop
        self.now_s = now_s
        self._turns: set[Turn] = set()
        self._busy: set[Turn] = set()
        """Those that have used any time lately: a thousand silent rooms cost nothing to look at."""
        self._active: deque[Turn] = deque()
        self._scheduled = False
        self._looked_s = now_s()
        self._share = FLUSHING_SHARE
        self._flushes = self._writes = self._frames = self._yields = 0
        self._flush_s = self._tick_s = 0.0

    def turn(self, topic: Flushed) -> Turn:
        """A place for `topic`."""
        turn = Turn(self, topic, self.now_s())
        self._turns.add(turn)
        return turn

    def remove(self, turn: Turn) -> None:
        """Forget a topic and what it gathered."""
        self._turns.discard(turn)
        self._busy.discard(turn)
        turn.active = False
        if turn.timer is not None:
            turn.timer.cancel()
            turn.timer = None

    def gathered(self, turn: Turn, *, at_once: bool) -> None:
        """See `Turn.gathered`."""
        if turn.active:
            if at_once:
                turn.call()  # the flush under way takes it along
        elif at_once:
            self._flush(turn)
        elif turn.timer is None:
            self._tick_s = turn.pace.wait_s(self.now_s())
            if self._tick_s > 0:
                turn.timer = self._clock().call_later(self._tick_s, lambda: self._flush(turn))
            else:
                self._flush(turn)

    def look(self) -> None:
        """Share the time out anew; to be called about four times a second."""
        now_s = self.now_s()
        window_s = max(now_s - self._looked_s, 1e-3)
        self._looked_s = now_s
        asked = {turn: turn.pace.look(window_s) for turn in self._busy}
        self._share = fair_share(asked.values())
        for turn, share in asked.items():
            turn.pace.allow(self._share, now_s)
            if share < QUIET_SHARE:
                self._busy.discard(turn)

    def statistics(self) -> FlusherStatistics:
        """What flushing has cost so far."""
        return FlusherStatistics(
            topics=len(self._turns),
            flushing=len(self._active),
            waiting=sum(turn.timer is not None for turn in self._turns),
            flushes=self._flushes,
            writes=self._writes,
            frames=self._frames,
            flush_s=self._flush_s,
            share=self._share,
            tick_s=self._tick_s,
            yields=self._yields,
        )

    def _flush(self, turn: Turn) -> None:
        if turn.timer is not None:
            turn.timer.cancel()
            turn.timer = None
        if turn.call():
            if turn not in self._busy:
                self._busy.add(turn)
                turn.pace.allow(self._share, self.now_s())
            self._flushes += 1
            turn.active = True
            self._slice(turn)

    def _slice(self, turn: Turn) -> None:
        """Write for 2 ms; what is left waits for the loop's next round, behind the other topics."""
        begun_s = self.now_s()
        done = turn.write(begun_s + SLICE_S)
        now_s = self.now_s()
        spent_s = min(now_s - begun_s, STOOD_STILL_S)
        turn.pace.spent(spent_s, now_s)
        self._flush_s += spent_s
        self._writes += done.writes
        self._frames += done.frames
        if not turn.active:
            return  # the last one left while it was written to
        if done.finished:
            turn.active = False
            if turn.gathers:
                self.gathered(turn, at_once=False)
        else:
            self._yields += 1
            self._active.append(turn)
            self._resume_soon()

    def _resume_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock().call_soon(self._resume)

    def _resume(self) -> None:
        self._scheduled = False
        while self._active:
            turn = self._active.popleft()
            if turn.active:
                self._slice(turn)
                break
        if self._active:
            self._resume_soon()

    def _clock(self) -> Loop:
        return self._loop or asyncio.get_running_loop()
