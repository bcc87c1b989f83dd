"""Node numbers for ids: leased, so that two processes never make the same id."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, Self

import structlog

from whatssound.ids import COUNTER_BITS, Snowflakes
from whatssound.wire.errors import Refusal

LIFE_MS: Final = 600_000
"""How long a number is held without a word. Long, because each renewal is a write to a disk that may sleep; a process
that was killed costs one of 1,024 numbers for so long."""

RENEW_EVERY_S: Final = 200.0
"""Twice in vain, and the third still comes in time."""

AGAIN_S: Final = 5.0
"""After a renewal that failed, for example on a full disk."""

_log = structlog.get_logger("whatssound.ids")


@dataclass(frozen=True, slots=True)
class Lease:
    """A node number, held by `holder` until `until_ms`; its ids come after `floor_ms`. Server time, Unix ms."""

    node: int
    holder: str
    until_ms: int
    floor_ms: int


class LeaseStore(Protocol):
    """Who holds which node number. A returned write survives a kill of any process; every method raises OSError."""

    async def take(self, holder: str, *, now_ms: float, until_ms: float) -> Lease | None:
        """A number that nobody holds at `now_ms`, the lowest; None when all 1,024 are held.

        Its floor is not before the last ms that an earlier holder may have used, and never after `now_ms`: a number
        whose last holder's clock was ahead stays out of use until that time has come. Each number goes to one taker.
        """
        ...

    async def renew(self, lease: Lease, *, until_ms: float) -> Lease | None:
        """The lease, prolonged; None when its number is somebody else's by now."""
        ...

    async def release(self, lease: Lease, *, last_ms: float) -> None:
        """Give the number back: whoever takes it next begins after `last_ms`. Harmless when it is not ours any more."""
        ...


class LeasedSnowflakes(Snowflakes):
    """Snowflakes of a leased node number: none without a lease, and none from the moment on at which it ends.

    `now_ms` must be carried by the monotonic clock (the Timeline is): then a wall clock that is set back does not
    prolong a lease that others hold to be over.
    """

    __slots__ = ("_until_ms",)

    def __init__(self, now_ms: Callable[[], float], *, floor_ms: int = 0) -> None:
        super().__init__(now_ms, floor_ms=floor_ms)
        self._until_ms = 0

    def use(self, lease: Lease) -> None:
        """Make ids under this lease from now on: another one's, or the same one prolonged."""
        self._node, self._until_ms = lease.node, lease.until_ms
        if lease.floor_ms > self._last_ms:
            self._last_ms, self._counter = lease.floor_ms, (1 << COUNTER_BITS) - 1

    def lose(self) -> None:
        """Make no more ids."""
        self._until_ms = 0

    @property
    def last_ms(self) -> int:
        """No id was made for a later ms."""
        return self._last_ms

    def next(self, *, above_ms: int = 0) -> int:
        """As Snowflakes. Raises Refusal `unavailable` without a lease."""
        # One ms less, for a counter that overflows.
        if max(self._now_ms(), above_ms, self._last_ms) >= self._until_ms - 1:
            raise Refusal("unavailable", "Nothing new can be written down just now; try again.", retry_after_ms=2_000)
        return super().next(above_ms=above_ms)


class LeaseStatistics(NamedTuple):
    """How it stands with this process's node number."""

    node: int
    """-1 without one."""
    renewals: int
    failures: int


class NodeLease:
    """Holds a node number for `ids` while it is entered with `async with`.

    Entering raises OSError, or Refusal when none is left.
    `holder` names this start of this process, unlike any other.
    """

    def __init__(
        self,
        store: LeaseStore,
        ids: LeasedSnowflakes,
        *,
        holder: str,
        now_ms: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._ids = ids
        self._holder = holder
        self._now_ms = now_ms
        self._sleep = sleep
        self._lease: Lease | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._renewals = self._failures = 0

    async def __aenter__(self) -> Self:
        await self.renew()
        self._renewing = asyncio.get_running_loop().create_task(self._renewed())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the number back, so that the next start finds it."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        self._ids.lose()
        if self._lease is not None:
            with contextlib.suppress(OSError):  # then it lapses
                await self._store.release(self._lease, last_ms=self._ids.last_ms)

    async def renew(self) -> None:
        """Prolong the lease, or take another number when it was lost. Raises OSError; Refusal when none is left."""
        until_ms = self._now_ms() + LIFE_MS
        lease = None if self._lease is None else await self._store.renew(self._lease, until_ms=until_ms)
        if lease is None:
            self._ids.lose()
            lease = await self._store.take(self._holder, now_ms=self._now_ms(), until_ms=until_ms)
        if lease is None:
            raise Refusal("unavailable", "All 1,024 node numbers are in use; some are free again in ten minutes.")
        self._lease = lease
        self._ids.use(lease)
        self._renewals += 1

    def statistics(self) -> LeaseStatistics:
        """How it stands with this process's node number."""
        return LeaseStatistics(-1 if self._lease is None else self._lease.node, self._renewals, self._failures)

    async def _renewed(self) -> None:
        wait_s = RENEW_EVERY_S
        while True:
            await self._sleep(wait_s)
            try:
                await self.renew()
                wait_s = RENEW_EVERY_S
            except (OSError, Refusal) as problem:
                self._failures += 1
                wait_s = AGAIN_S
                _log.warning("the node number could not be renewed", reason=str(problem))
