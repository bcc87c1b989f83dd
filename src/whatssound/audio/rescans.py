"""When the library's folders are scanned: at the start, when somebody asks, and every few hours.

Folders on a network share tell nobody that they changed, so looking again is the only way.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from whatssound.audio.comparing import outermost
from whatssound.audio.scan import Scanner
from whatssound.audio.scan_state import FolderScan, Tally

RETRY_S: Final = 300.0
"""A folder that could not be read is tried again after this, alone: a share may be mounted after the server started."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ScanStatistics:
    """Gauges (`running`, and the last scan's `seen`, `offline`, `unreadable`) and counters since the start."""

    running: int
    seen: int
    offline: int
    unreadable: int
    scans: int
    failed: int


class Rescans:
    """Scans `folders` one run after another; `scanner` makes each run. `every_s` None: only when asked.

    A folder that lies in another one is scanned with it.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        scanner: Callable[[Sequence[str], Callable[[], None]], Scanner],
        *,
        every_s: float | None,
        now_ms: Callable[[], float],
    ) -> None:
        self.folders = outermost(str(folder.absolute()) for folder in folders)
        self._tallies = [Tally(folder) for folder in self.folders]
        self._scanner = scanner
        self._every_s = every_s
        self._now_ms = now_ms
        self._asked = asyncio.Event()
        self._step = asyncio.Event()
        self._running = False
        self._full_s = 0.0
        self._scans = self._failed = 0

    def request(self) -> None:
        """Scan everything as soon as possible; once more when a scan is running, as it may be past what changed."""
        self._asked.set()

    def states(self) -> list[FolderScan]:
        """The latest scan of each folder."""
        return [tally.shown() for tally in self._tallies]

    def next_step(self) -> asyncio.Event:
        """Set at the next change of any state: take it, look, then wait for it."""
        return self._step

    def statistics(self) -> ScanStatistics:
        """What the metrics show."""
        states = self.states()
        return ScanStatistics(
            running=int(self._running),
            seen=sum(state.seen for state in states),
            offline=sum(state.offline for state in states),
            unreadable=sum(state.unreadable for state in states),
            scans=self._scans,
            failed=self._failed,
        )

    async def run(self) -> None:
        """Scan now and whenever it is time, until cancelled. Without folders the one scan marks what they held."""
        await self.scan()
        while True:
            tallies = await self._next()
            await self.scan(tallies)

    async def scan(self, tallies: Sequence[Tally] | None = None) -> list[FolderScan]:
        """Scan these folders, or all, once; what goes wrong is in the states, and told to nobody else."""
        some = self._tallies if tallies is None else tallies
        if len(some) == len(self._tallies):
            self._full_s = _now_s()
            self._asked.clear()
        self._running = True
        try:
            await self._scanner(self.folders, self._stepped).run(some)
        except Exception as error:  # a job's edge: the next scan may go better, and the server plays on
            _log.exception("scan_crashed")
            for tally in some:
                if tally.state == "scanning":
                    tally.end(self._now_ms(), f"The scan broke off ({type(error).__name__}); the log says more.")
        finally:
            self._running = False
            self._scans += 1
            self._failed += sum(tally.state == "failed" for tally in some)
            self._stepped()
        return [tally.shown() for tally in some]

    async def _next(self) -> Sequence[Tally]:
        """Wait for what comes first: somebody who asks, the hour, or the next try of a folder that failed."""
        failed = [tally for tally in self._tallies if tally.state == "failed"]
        left_s = None if self._every_s is None else max(0.0, self._full_s + self._every_s - _now_s())
        retry = bool(failed) and (left_s is None or left_s > RETRY_S)
        asked = await self._asked_within(RETRY_S if retry else left_s)
        return failed if retry and not asked else self._tallies

    async def _asked_within(self, seconds: float | None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()
                return True
        return False

    def _stepped(self) -> None:
        self._step.set()
        self._step = asyncio.Event()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
