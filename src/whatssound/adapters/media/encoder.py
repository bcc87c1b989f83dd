"""The encoder's near end: starts child processes, follows what they report, ends them."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from whatssound.adapters.media.reasons import CPU, CRASHED, DISK_FULL, STUCK, TOO_LARGE
from whatssound.audio.encoder import Analysed, Counted, EncodeFailed, EncodeJob, RenditionDone, Report, Stored, Whole
from whatssound.config import EncoderLimits

FIRST_AFTER_S: Final = 2.0
"""The first child is started so long after the server, whose own start must not wait for it; or when a job comes."""

SILENT_S: Final = 120.0
"""A child that reports nothing for this long hangs (a network folder that is gone, for instance)."""


class _Counted(msgspec.Struct, tag="counted"):
    samples: int
    rate_hz: int


class _Stored(msgspec.Struct, tag="stored"):
    kbps: int
    files: dict[str, str]
    done: float


class _Rendition(msgspec.Struct, tag="rendition"):
    kbps: int
    segments: int
    peak_bps: int
    average_bps: int


class _Analysed(msgspec.Struct, tag="analysed"):
    samples: int
    rate_hz: int
    loudness_lufs: float | None
    true_peak_db: float | None
    peaks: str


class _Failed(msgspec.Struct, tag="failed"):
    reason: str


class _Composed(msgspec.Struct, tag="composed"):
    file: str


class _Whole(msgspec.Struct, tag="whole"):
    file: str


class _Done(msgspec.Struct, tag="done"):
    pass


_Line = _Done | _Whole | _Counted | _Stored | _Rendition | _Analysed | _Failed | _Composed
_decode = msgspec.json.Decoder(_Line).decode


class Child:
    """A child process that waits for a track's jobs, and does them in a fork of its own, one track after another.

    Its own session: Ctrl-C in the terminal is not for it.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, what: str, limits: EncoderLimits) -> "Child":
        """`what` is a task that `python -m whatssound.adapters.media` knows. Raises OSError."""
        figures = (limits.memory_bytes, limits.cpu_s, limits.file_bytes, limits.nice)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "whatssound.adapters.media", what, *map(str, figures)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            # One thread: a pool of them would reserve more memory than the limit on a machine with many cores.
            # And memory that was given back is not asked for again at every block (glibc; others do not mind).
            env={
                **os.environ,
                **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
                "MALLOC_TRIM_THRESHOLD_": str(512 * 1024**2),
                "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
            },
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether it can still take its job."""
        return self._process.returncode is None

    async def run(self, job: object) -> AsyncGenerator[_Line]:
        """Every line it reports until the job is done; then it waits for another one of this track, or for `leave`.

        Raises EncodeFailed when it reports a failure, dies or falls silent, and OSError ENOSPC for a full disk.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._say(json.dumps(job).encode())
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    line = await self._process.stdout.readline()
            except TimeoutError as error:
                raise EncodeFailed(STUCK) from error
            if not line:
                break
            report = _decode(line)
            if isinstance(report, _Failed):
                raise _failure(report.reason)
            if isinstance(report, _Done):
                return
            yield report
        status = await self._process.wait()
        raise EncodeFailed({-signal.SIGXCPU: CPU, -signal.SIGXFSZ: TOO_LARGE}.get(status, CRASHED))

    def leave(self) -> None:
        """No more of this track: all that was of it is given up, and the next job is another track's."""
        self._say(b"")

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):  # it is dead; uvloop says so with the second
            self._process.stdin.write(line + b"\n")

    async def end(self) -> None:
        """End it when it still runs, its fork first, and wait until both are gone."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class ChildEncoder:
    """Encoder in child processes, each of which does one track at a time, in a fork.

    One waits ready beside those that work; and the one that came last to its end keeps its track for the other stage,
    until any other job begins.
    """

    def __init__(self, limits: EncoderLimits) -> None:
        self._limits = limits
        self._waiting: list[Child] = []
        self._first: asyncio.TimerHandle | None = None
        self._starting: asyncio.Task[None] | None = None
        self._kept: tuple[Path, Child] | None = None
        self._stopped = False

    async def start(self) -> None:
        """See Encoder."""
        self._stopped = False
        self._first = asyncio.get_running_loop().call_later(FIRST_AFTER_S, self._prepare)

    async def stop(self) -> None:
        """See Encoder."""
        self._stopped = True
        if self._first is not None:
            self._first.cancel()
        if self._starting is not None:
            await self._starting
        self._let_go()
        while self._waiting:
            await self._waiting.pop().end()

    async def encode(self, job: EncodeJob) -> AsyncGenerator[Report]:
        """See Encoder."""
        child, done = await self._take(job.source), False
        fields = {**asdict(job), "source": str(job.source), "work": str(job.work)}
        try:
            async with contextlib.aclosing(child.run(fields)) as lines:
                async for line in lines:
                    yield await _report_of(line)
                    if isinstance(line, _Stored):
                        self._prepare()
            done = not self._stopped
        finally:
            if done:
                self._let_go()
                self._kept = (job.source, child)
            else:
                await child.end()

    async def _take(self, source: Path) -> Child:
        if self._kept is not None and self._kept[0] == source and self._kept[1].alive:
            (_, child), self._kept = self._kept, None
            return child
        self._let_go()
        if not self._waiting and self._starting is not None:
            await asyncio.shield(self._starting)
        while self._waiting:
            if (child := self._waiting.pop()).alive:
                return child
        return await Child.start("encode", self._limits)

    def _let_go(self) -> None:
        """Nobody comes for the track that is kept: its child waits for another one."""
        if self._kept is not None:
            (_, child), self._kept = self._kept, None
            child.leave()
            self._waiting.append(child)

    def _prepare(self) -> None:
        """Start one more only after a first segment: its start must not take that one's time."""
        if not self._waiting and self._starting is None and not self._stopped:
            self._starting = asyncio.create_task(self._start(), name="start an encoder")

    async def _start(self) -> None:
        try:
            self._waiting.append(await Child.start("encode", self._limits))
        except OSError:
            return  # whoever needs one tries again, and is told
        finally:
            self._starting = None


def _failure(reason: str) -> Exception:
    """A full disk is ours, everything else the file's."""
    return OSError(errno.ENOSPC, reason) if reason == DISK_FULL else EncodeFailed(reason)


async def _report_of(line: _Line) -> Report:
    if isinstance(line, _Counted):
        return Counted(line.samples, line.rate_hz)
    if isinstance(line, _Stored):
        return Stored(line.kbps, {name: Path(file) for name, file in line.files.items()}, line.done)
    if isinstance(line, _Rendition):
        return RenditionDone(line.kbps, line.segments, line.peak_bps, line.average_bps)
    if isinstance(line, _Whole):
        return Whole(Path(line.file))
    if isinstance(line, _Analysed):
        peaks = await asyncio.to_thread(Path(line.peaks).read_bytes)
        return Analysed(line.samples, line.rate_hz, line.loudness_lufs, line.true_peak_db, peaks)
    raise EncodeFailed(CRASHED)


async def composed(name: str, folder: Path, limits: EncoderLimits) -> Path:
    """Have the demo piece `name` synthesised into `folder` by a child process. Raises EncodeFailed, OSError."""
    child = await Child.start("compose", limits)
    try:
        async with contextlib.aclosing(child.run({"name": name, "folder": str(folder)})) as lines:
            async for line in lines:
                if isinstance(line, _Composed):
                    return Path(line.file)
    finally:
        await child.end()
    raise EncodeFailed(CRASHED)
