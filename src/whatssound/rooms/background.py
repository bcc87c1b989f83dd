"""Work that nobody waits for: owned, ended with its owner, its failures logged and counted."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger("whatssound.rooms")


class Background:
    """Runs jobs beside the callers. What a job raises is logged and counted, never lost and never passed on."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, job: Coroutine[Any, Any, object], *, name: str) -> None:
        """Start `job` now. The caller bounds how many there are."""
        task = asyncio.ensure_future(self.run(job, name=name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step never reaches its job, which would complain when collected.
        task.add_done_callback(lambda _: job.close())

    async def settle(self) -> None:
        """Wait until nothing runs any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Cancel what runs and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await self.settle()

    async def run(self, job: Coroutine[Any, Any, object], *, name: str) -> None:
        """Do `job` here and now, guarded in the same way."""
        try:
            await job
        except Exception as error:
            self.failures += 1
            _log.warning("job failed", job=name, error=repr(error))
