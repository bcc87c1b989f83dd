"""FolderReader in child processes: a share that hangs or a file that breaks its parser does not reach the server.

In the server's own threads, parsing would hold Python's lock: beside 4 reading threads the loop was late by up to
104 ms (p99 39 ms), beside 2 children by up to 13 ms (p99 6 ms).
"""

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from whatssound.adapters.media.reading import (
    Ask,
    AskCover,
    AskPresent,
    AskTags,
    AskWalk,
    Told,
    ToldCover,
    ToldEnd,
    ToldPart,
    ToldPresent,
    ToldTag,
    ToldTags,
)
from whatssound.audio.folder import Listed, Unreadable
from whatssound.audio.tags import Asked, Tags

CHILDREN: Final = 2
MEMORY_BYTES: Final = 2 * 1024**3
"""Address space of a child: its threads' stacks reserve some, a cover takes 8 MB, nothing honest takes more."""

SILENT_S: Final = 60.0
"""A share that answers nothing for so long hangs."""

IDLE_S: Final = 30.0
"""A child with nothing to do ends after this: 30 MB are not kept for the next scan."""

END_S: Final = 5.0
"""How long a killed child may take to be gone before we go on without it."""

LINE_BYTES: Final = 16 * 1024 * 1024
"""Longest line of an answer: a cover of 8 MB in base64."""

_BROKEN: Final = "it breaks what reads tags"

_encode = msgspec.json.Encoder().encode
_told = msgspec.json.Decoder(Told).decode


class _ChildGone(OSError):
    """The child died: of its memory limit, or of a parser's bug."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "The process that reads it ended")


class _Child:
    """One reading child; one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, nice: int) -> "_Child":
        """Raises OSError."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "whatssound.adapters.media.reading", str(MEMORY_BYTES), str(nice)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                limit=LINE_BYTES,
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            )
        )

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, question: Ask) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_encode(question) + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise _ChildGone from error

    async def told(self) -> Told:
        """The next line. Raises TimeoutError when it is silent, _ChildGone when it died."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SILENT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise _ChildGone
        return _told(line)

    async def end(self) -> None:
        """Kill it. One that hangs in a dead share cannot be killed before the share is back: not waited for long."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._process.wait()


class ChildReader:
    """FolderReader over at most `CHILDREN` processes, started when they are needed and ended when they are idle."""

    width = CHILDREN

    def __init__(self, *, nice: int) -> None:
        self._nice = nice
        self._idle: list[tuple[_Child, asyncio.TimerHandle]] = []
        self._slots = asyncio.Semaphore(CHILDREN)
        self._busy: set[_Child] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def walk(self, folder: str) -> AsyncGenerator[Listed]:
        """See FolderReader."""
        async with self._lent() as child:
            await child.ask(AskWalk(folder))
            while True:
                match await child.told():
                    case ToldPart(listed):
                        yield listed
                    case ToldEnd(None):
                        return
                    case ToldEnd(number, reason):
                        raise OSError(number, reason)
                    case _:
                        raise _ChildGone

    async def tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        """See FolderReader. A file that kills the child is unreadable, its neighbours are not."""
        try:
            return await self._tags(asked)
        except _ChildGone:
            if len(asked) == 1:
                return [Unreadable(asked[0].path, _BROKEN)]
        half = len(asked) // 2
        return [*await self.tags(asked[:half]), *await self.tags(asked[half:])]

    async def cover(self, asked: Asked) -> bytes | None:
        """See FolderReader."""
        with contextlib.suppress(_ChildGone):
            told = await self._one(AskCover(asked))
            return told.image if isinstance(told, ToldCover) else None
        return None

    async def present(self, paths: Sequence[str]) -> set[str]:
        """See FolderReader."""
        told = await self._one(AskPresent(list(paths)))
        return set(told.paths) if isinstance(told, ToldPresent) else set()

    async def stop(self) -> None:
        """End every child."""
        for child, timer in self._idle:
            timer.cancel()
            self._end(child)
        self._idle.clear()
        for child in self._busy:
            self._end(child)
        await asyncio.gather(*self._ending)

    async def _tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        told = await self._one(AskTags(list(asked)))
        if not isinstance(told, ToldTags) or len(told.files) != len(asked):
            raise _ChildGone
        return [_answer(file, answer) for file, answer in zip(asked, told.files, strict=True)]

    async def _one(self, question: Ask) -> Told:
        async with self._lent() as child:
            await child.ask(question)
            return await child.told()

    @asynccontextmanager
    async def _lent(self) -> AsyncGenerator[_Child]:
        """A child that answers nobody else; it is kept only when its answer was heard to the end."""
        async with self._slots:
            child = await self._ready()
            self._busy.add(child)
            try:
                yield child
            except BaseException:
                self._end(child)
                raise
            finally:
                self._busy.discard(child)
            self._keep(child)

    async def _ready(self) -> _Child:
        while self._idle:
            child, timer = self._idle.pop()
            timer.cancel()
            if child.alive:
                return child
            self._end(child)
        return await _Child.start(self._nice)

    def _keep(self, child: _Child) -> None:
        timer = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle, child)
        self._idle.append((child, timer))

    def _end_idle(self, child: _Child) -> None:
        self._idle = [kept for kept in self._idle if kept[0] is not child]
        self._end(child)

    def _end(self, child: _Child) -> None:
        task = asyncio.create_task(child.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _answer(asked: Asked, told: ToldTag) -> Tags | Unreadable:
    return told.tags if told.tags is not None else Unreadable(asked.path, told.why)
