"""Keeps server time: asks a few times at once after a join, then now and again."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from whatssound.client.clock import ClockFilter, LeapWatch
from whatssound.wire.clock import Exchange

BURST: Final = 6
"""The server takes at most ten at a join; six find a quiet moment and leave room for a rejoin."""

BURST_EVERY_S: Final = 0.07
EVERY_S: Final = 15.0


class ClockAnswer(msgspec.Struct, frozen=True):
    """The reply to `clock {t1}`."""

    t1: float
    t2: float
    t3: float
    err_ms: float = 0.0


AskClock = Callable[[float], Awaitable[ClockAnswer | None]]
"""Sends `clock {t1}`; None when nobody answers."""


class LocalClock:
    """Local time in Unix ms that never steps: the wall clock read once, carried on by the monotonic one."""

    def __init__(self) -> None:
        self._start_ms = time.time() * 1_000 - time.monotonic() * 1_000

    def now_ms(self) -> float:
        """Unix ms with decimals."""
        return self._start_ms + time.monotonic() * 1_000


class ServerClock:
    """Server time, once a room was joined; the machine's own before."""

    def __init__(self, ask: AskClock) -> None:
        self._ask = ask
        self._local = LocalClock()
        self._filter = ClockFilter()
        self._leaps = LeapWatch(local_ms=self._local.now_ms(), wall_ms=time.time() * 1_000)
        self._nudge = asyncio.Event()
        self._left = 0

    def now_ms(self) -> float:
        """Server time, Unix ms."""
        local_ms = self._local.now_ms()
        return local_ms + (self._filter.offset_ms(local_ms) or 0.0)

    def doubt_ms(self) -> float | None:
        """How far `now_ms` may be wrong; None before the first answer."""
        return self._filter.doubt_ms(self._local.now_ms())

    def burst(self) -> None:
        """Measure anew: after a join."""
        self._left = BURST
        self._nudge.set()

    async def run(self) -> None:
        """Ask, for as long as the client lives."""
        while True:
            wait_s = BURST_EVERY_S if self._left > 0 else EVERY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._nudge.wait()
            self._nudge.clear()
            self._left = max(0, self._left - 1)
            await self._sample()

    async def _sample(self) -> None:
        local_ms = self._local.now_ms()
        if leap_ms := self._leaps.leap_ms(local_ms=local_ms, wall_ms=time.time() * 1_000):
            self._filter.forget(local_ms, leap_ms=leap_ms)
        answer = await self._ask(self._local.now_ms())
        if answer is not None:
            t4 = self._local.now_ms()
            self._filter.add(Exchange(answer.t1, answer.t2, answer.t3, t4, answer.err_ms))
