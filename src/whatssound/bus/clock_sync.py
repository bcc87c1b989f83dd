"""Keeps this node's time with the others': the ring's owner of the key `clock` is the reference, the rest follow it."""

import asyncio
import struct
from typing import Final, NamedTuple, Self

import structlog

from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.clock_filter import ClockFilter, Estimate
from whatssound.bus.log import Subscription
from whatssound.bus.members import Members
from whatssound.bus.ring import Ring
from whatssound.bus.timeline import Timeline
from whatssound.wire.clock import Exchange

KEY: Final = "clock"

LISTEN_S: Final = 0.5
"""How long a node that could be the reference listens for others that know the time already."""

PATIENCE_S: Final = 10.0
"""How long it waits for another that is starting, too, and comes before it; then its own clock has to do."""

FIRST_SAMPLES: Final = 8
FIRST_EVERY_S: Final = 0.02
EVERY_S: Final = 1.0
ANSWER_S: Final = 1.0

_TIMES: Final = struct.Struct("<dd")
_log = structlog.get_logger("whatssound.clock")


class ClockStatistics(NamedTuple):
    """How this node's time is kept."""

    leads: int
    """1 where this node is the reference."""
    samples: int
    unanswered: int
    err_us: int
    bends_us: int
    """How far the newest measurement was from this node's time."""


class ClockSync:
    """Steers `timeline` while it is entered with `async with`; `ready()` returns when nothing will step any more.

    Until then no id and no anchor may be made, and the node is not on the ring. A node that comes to others takes over
    their time before it joins the ring, so that neither a newcomer nor a restarted owner moves the cluster's time:
    whoever becomes the reference has followed the one before.
    """

    def __init__(self, bus: Bus, members: Members, timeline: Timeline, *, owns: bool) -> None:
        self._bus = bus
        self._members = members
        self._timeline = timeline
        self._owns = owns
        self._filter = ClockFilter()
        self._source: str | None = None
        self._known = asyncio.Event()
        self._news = asyncio.Event()
        self._samples = self._unanswered = 0
        self._off_ms = 0.0
        self._answering: Subscription | None = None
        self._following: asyncio.Task[None] | None = None
        members.on_change(self._news.set)

    async def __aenter__(self) -> Self:
        self._answering = self._bus.answer(f"{KEY}:{self._members.node}", self._answer)
        self._following = asyncio.get_running_loop().create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._answering is not None:
            self._answering.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def ready(self) -> None:
        """Return when this node knows the time."""
        await self._known.wait()

    def statistics(self) -> ClockStatistics:
        """How this node's time is kept."""
        err_us, off_us = round(self._timeline.err_ms() * 1e3), round(self._off_ms * 1e3)
        return ClockStatistics(int(self._leads()), self._samples, self._unanswered, err_us, off_us)

    async def look(self) -> None:
        """Measure once, or lead; the loop does it every second."""
        source = self._reference()
        if source is None:
            return  # nobody can say: what was measured last has to do, and counts for less and less
        if source == self._members.node:
            self._timeline.lead()
            self._source = None
            return
        estimate = await self._measured(source)
        if estimate is not None:
            self._off_ms = estimate.ahead_ms - (self._timeline.now_ms() - self._timeline.monotonic_ms())
            self._timeline.follow(estimate)

    async def _begin(self) -> None:
        """Take over the time of somebody who knows it; returns without one where this node's own clock has to do."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while True:
            self._news.clear()
            for node in self._knowing():
                if await self._take_over(node):
                    return
            waited_s = loop.time() - began_s
            left_s = (LISTEN_S if self._is_first() else PATIENCE_S) - waited_s
            if self._owns and left_s <= 0:
                return
            try:
                async with asyncio.timeout(max(left_s, 0.1) if self._owns else LISTEN_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _take_over(self, node: str) -> bool:
        """Whether it said enough: half of the first questions answered."""
        answered = 0
        for _ in range(FIRST_SAMPLES):
            estimate = await self._measured(node)
            if estimate is None:
                break
            answered += 1
            self._timeline.follow(estimate)
            await asyncio.sleep(FIRST_EVERY_S)
        return answered >= FIRST_SAMPLES // 2

    async def _follow(self) -> None:
        await self._begin()
        self._timeline.ready()
        self._known.set()
        self._members.ready()
        while True:
            try:
                await self.look()
            except Exception:  # the edge of a job: the next look is a second away
                _log.exception("the time could not be compared")
            await asyncio.sleep(EVERY_S)

    async def _measured(self, node: str) -> Estimate | None:
        if node != self._source:
            self._filter, self._source = ClockFilter(), node
        t1 = self._timeline.monotonic_ms()
        try:
            answer = await self._bus.request(f"{KEY}:{node}", b"", timeout_s=ANSWER_S)
        except NoAnswer:
            self._unanswered += 1
            return None
        t4 = self._timeline.monotonic_ms()
        if len(answer) != _TIMES.size:
            return None
        self._samples += 1
        t2, t3 = _TIMES.unpack(answer)
        return self._filter.add(Exchange(t1, t2, t3, t4))

    async def _answer(self, _: bytes) -> bytes:
        """The time, twice, since nothing happens between; nothing while this node does not know it itself."""
        if not self._known.is_set():
            return b""
        now_ms = self._timeline.now_ms()
        return _TIMES.pack(now_ms, now_ms)

    def _reference(self) -> str | None:
        ring = self._members.ring
        return None if ring is None else ring.owner_of_name(KEY)

    def _leads(self) -> bool:
        return self._known.is_set() and self._reference() == self._members.node

    def _knowing(self) -> list[str]:
        """Those who know the time, the reference first."""
        ready = [beat.node for beat in self._members.others() if beat.ready]
        return sorted(ready, key=lambda node: (node != self._reference(), node))

    def _is_first(self) -> bool:
        """Whether this node would be the reference among all that are starting."""
        could = [beat.node for beat in self._members.here() if beat.owns]
        return Ring([*could, self._members.node]).owner_of_name(KEY) == self._members.node
