"""Looks after rooms that fall silent: their last event may have been lost, and nothing follows that would show it."""

import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

import structlog

from whatssound.bus.log import RoomLog
from whatssound.gateway.feed import RoomFeed

_log = structlog.get_logger("whatssound.gateway.checks")


class CheckStatistics(NamedTuple):
    """How comparing with the log goes."""

    done: int
    """Looks at all rooms that are over."""
    rooms: int
    """Rooms that were compared, each time counted."""
    repairs: int
    """Of those, rooms that had missed something."""
    failures: int
    last_ms: int
    """How long the last look took, most of it waiting. Beyond 2,000 a lost event may be found later than promised."""


class Checks:
    """Compares the cursors of all rooms that are heard here with the log, one look at a time, and repairs what lags.

    `feeds` gives those rooms.
    """

    def __init__(
        self,
        log: RoomLog,
        feeds: Callable[[], Iterable[RoomFeed]],
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._feeds = feeds
        self._spawn = spawn
        self._now_s = now_s
        self._looking = self._again = False
        self._done = self._rooms = self._repairs = self._failures = self._last_ms = 0

    def look(self) -> None:
        """Look, in a task; nothing happens while an earlier look takes its time."""
        if not self._looking and any(True for _ in self._feeds()):
            self._looking = True
            self._spawn(self._looked())

    def missed(self) -> None:
        """Look, because something may have been missed: a look that runs may have been before it, so once more then."""
        self._again = self._looking
        self.look()

    def statistics(self) -> CheckStatistics:
        """How it went until now."""
        return CheckStatistics(self._done, self._rooms, self._repairs, self._failures, self._last_ms)

    async def _looked(self) -> None:
        try:
            self._again = True
            while self._again:
                self._again = False
                began_s = self._now_s()
                await self._compared()
                self._done += 1
                self._last_ms = round((self._now_s() - began_s) * 1_000)
        except Exception:
            self._failures += 1
            _log.exception("the rooms' cursors could not be compared with the log")
        finally:
            self._looking = False

    async def _compared(self) -> None:
        feeds = {feed.room: (feed, feed.position) for feed in self._feeds()}
        self._rooms += len(feeds)
        for room, position in (await self._log.moved({room: cursor for room, (_, cursor) in feeds.items()})).items():
            feed, before = feeds[room]
            # One that moved meanwhile is alive; it is compared again in 2 s.
            if feed.position == before and feed.differs_from(position):
                self._repairs += 1
                feed.repair()
