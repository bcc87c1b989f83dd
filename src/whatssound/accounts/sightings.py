"""Who was here: noted at once, written down together."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from whatssound.accounts.store import AccountStore
from whatssound.ids import UserId

SEEN_EVERY_MS: Final = 3_600_000
"""How often somebody's presence is written down; hourly is fine enough for the 30 days after which guests go."""

WRITE_EVERY_S: Final = 1.0

BATCH: Final = 500
"""People of one read and one write: 3 ms, and fewer parameters than any SQLite takes."""

MAX_NOTED: Final = 100_000
"""People whose note is remembered, about 10 MB. Of more, those noted longest ago are written again."""

_log = structlog.get_logger(__name__)


class SightingStatistics(NamedTuple):
    """What is noted now."""

    remembered: int
    waiting: int


class Sightings:
    """Notes who is here, each person once an hour, and finds out who is here although their account is gone.

    `gone` is called with those. Use it with `async with`, so that notes are written every second; what the last
    second brought is written at the end, and lost in a crash, which costs nobody more than an hour of 30 days.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        now_ms: Callable[[], float],
        gone: Callable[[UserId], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._gone = gone
        self._sleep = sleep
        self._noted: OrderedDict[UserId, float] = OrderedDict()
        self._waiting: dict[UserId, None] = {}
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Sightings":
        self._writing = asyncio.get_running_loop().create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.write()

    def note(self, id: UserId) -> None:
        """Somebody is here. Cheap enough for every join."""
        now_ms = self._now_ms()
        if now_ms - self._noted.get(id, float("-inf")) < SEEN_EVERY_MS:
            return
        self._noted[id] = now_ms
        self._noted.move_to_end(id)
        self._waiting[id] = None
        if len(self._noted) > MAX_NOTED:
            self._waiting.pop(self._noted.popitem(last=False)[0], None)

    async def write(self) -> None:
        """Write down who was noted since the last time. A full disk keeps nobody out: the notes wait."""
        while batch := list(itertools.islice(self._waiting, BATCH)):
            try:
                there = await self._store.seen(batch, now_ms=int(self._now_ms()), stale_ms=SEEN_EVERY_MS)
            except OSError:
                return
            for id in batch:
                self._waiting.pop(id, None)
                if id not in there:
                    self._noted.pop(id, None)
                    self._gone(id)

    def statistics(self) -> SightingStatistics:
        """What is noted now."""
        return SightingStatistics(len(self._noted), len(self._waiting))

    async def _write_for_ever(self) -> None:
        while True:
            await self._sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except Exception:  # a job's edge: the next second tries again
                _log.exception("who was here could not be written down")
