"""Sends every socket away, a few at a time, so that those who take them in are not met by all at once."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from whatssound.wire.hints import scattered_ms, with_hint

STEP_S: Final = 0.05

LEAST_HINT_MS: Final = 1_000
"""Over how long those who were sent away in one step scatter themselves, at least."""


class Leaving(Protocol):
    """A socket that can be told to go."""

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye with a close frame."""
        ...


class Drain:
    """Closes sockets with 1012 over `spread_s`, in equal parts, each with a hint of its own when to come back.

    `per_second` is how many a process takes in: hints scatter over as long as that takes for all of them.
    """

    def __init__(self, *, spread_s: float, per_second: float, chance: Callable[[], float]) -> None:
        self._spread_s = spread_s
        self._per_second = per_second
        self._chance = chance
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Close all that are left now."""
        self._hurried.set()

    async def run(self, sockets: Sequence[Leaving]) -> None:
        """Close them all; returns when every one was told, after `spread_s` at the latest."""
        count = len(sockets)
        up_to_ms = max(LEAST_HINT_MS, 1_000 * count / self._per_second)
        steps = max(1, min(count, int(self._spread_s / STEP_S)))
        for step in range(steps):
            for socket in sockets[count * step // steps : count * (step + 1) // steps]:
                socket.close(1012, with_hint("restart", scattered_ms(up_to_ms, self._chance())))
            if step + 1 < steps:
                await self._wait()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), STEP_S)
