"""A crowd: its processes, started and told together."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from load import log
from load.orders import News, Order, Task

BENCH = Path(__file__).parents[1]

A_PROCESS = 15_000
"""Sockets a process: below the usual limit of 20,000 open files."""


@dataclass(frozen=True)
class Place:
    """Where a crowd goes."""

    port: int
    room_id: str
    host: str = "127.0.0.1"

    @property
    def topic(self) -> str:
        return f"room:{self.room_id}"


class Crowd:
    """`clients` listeners from `processes` processes; use it with `with`.

    Every process connects from an address of its own (127.0.0.2, .3, …), so that neither ports nor a limit for each
    address run out. `slow` of the listeners of the first process read `slow_bytes_per_s`.
    """

    def __init__(
        self,
        place: Place,
        tokens: Sequence[str],
        clients: int,
        *,
        processes: int = 0,
        slow: int = 0,
        slow_bytes_per_s: int = 1_000,
        per_s: float = 2_000.0,
        first_source: int = 2,
        beat_s: float = 30.0,
    ) -> None:
        self.clients = clients
        self._folder = tempfile.TemporaryDirectory()
        self._changed = threading.Condition()
        processes = processes or -(-clients // A_PROCESS)
        self.sources = [f"127.0.0.{first_source + n}" for n in range(processes)]
        """The address of each process."""
        shares = [clients // processes + (n < clients % processes) for n in range(processes)]
        self._workers = [
            _Process(
                Task(
                    name=f"crowd {n}",
                    host=place.host,
                    port=place.port,
                    topic=place.topic,
                    tokens=list(tokens),
                    clients=share,
                    log=f"{self._folder.name}/{n}",
                    source=self.sources[n],
                    per_s=per_s / processes,
                    slow=min(slow, share) if n == 0 else 0,
                    slow_bytes_per_s=slow_bytes_per_s,
                    beat_s=beat_s,
                    seed=n,
                ),
                self._changed,
            )
            for n, share in enumerate(shares)
        ]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._folder.cleanup()

    @property
    def pids(self) -> list[int]:
        """The processes, for their CPU time."""
        return [worker.pid for worker in self._workers]

    @property
    def live(self) -> int:
        """How many are in the room, as of the last tenth of a second."""
        return sum(worker.news.live for worker in self._workers)

    @property
    def joins(self) -> int:
        """How many joins were answered."""
        return sum(worker.news.joins for worker in self._workers)

    @property
    def resets(self) -> int:
        """How many joins were answered with a reset."""
        return sum(worker.news.resets for worker in self._workers)

    @property
    def heard(self) -> int:
        """Deliveries, added up."""
        return sum(worker.news.heard for worker in self._workers)

    def wait_heard(self, seq: int, count: int | None = None, *, timeout_s: float = 60.0) -> None:
        """Wait until so many (default: all) are in the room, and those who read at once have its event `seq`.

        Raises TimeoutError.
        """
        wanted = self.clients if count is None else count

        def holds() -> bool:
            return self.live >= wanted and all(worker.news.least >= seq for worker in self._workers)

        if not self.wait_until(holds, timeout_s=timeout_s):
            least = min(worker.news.least for worker in self._workers)
            raise TimeoutError(
                f"after {timeout_s} s {self.live} are in the room, and somebody is at {least}, not {seq}"
            )

    def wait_until(self, holds: Callable[[], bool], *, timeout_s: float) -> bool:
        """Wait until `holds()`, looked at whenever a process says something new; False when it did not come to that."""
        with self._changed:
            return self._changed.wait_for(lambda: holds() or self._broken(), timeout_s) and not self._broken()

    def wait_live(self, count: int | None = None, *, timeout_s: float = 120.0) -> None:
        """Wait until so many (default: all) are in the room. Raises TimeoutError."""
        wanted = self.clients if count is None else count
        if not self.wait_until(lambda: self.live >= wanted, timeout_s=timeout_s):
            raise TimeoutError(f"{self.live} of {wanted} listeners are in the room after {timeout_s} s")

    def cut(self, count: int, *, away_ms: int = 0) -> None:
        """Break the connections of `count` listeners; they come back at once, or no sooner than after `away_ms`."""
        for worker in self._workers:
            worker.tell(Order(cut=-(-count // len(self._workers)), away_ms=away_ms))

    def stop(self) -> list[log.WorkerLog]:
        """Send everybody home; what they were told."""
        for worker in self._workers:
            worker.tell(Order(stop=True))
        return [worker.log() for worker in self._workers]

    def _broken(self) -> bool:
        return any(worker.is_dead for worker in self._workers)


class _Process:
    """One worker, and a thread that hears what it says."""

    def __init__(self, task: Task, changed: threading.Condition) -> None:
        self.news = News()
        self.is_dead = False
        self._task = task
        self._changed = changed
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._hear, daemon=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        path = os.pathsep.join([str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "load.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._write(msgspec.json.encode(self._task))
        self._thread.start()

    def tell(self, order: Order) -> None:
        self._write(msgspec.json.encode(order))

    def log(self) -> log.WorkerLog:
        assert self._process is not None
        if self._process.wait(timeout=60) != 0:
            raise RuntimeError(f"{self._task.name} failed")
        return log.read(Path(self._task.log))

    def end(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _write(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.news = msgspec.json.decode(line, type=News)
                self._changed.notify_all()
        with self._changed:
            self.is_dead = self._process.wait() != 0
            self._changed.notify_all()


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time of processes, in s."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def now_ns() -> int:
    """The clock of the logs: CLOCK_MONOTONIC, the same for all processes of a machine."""
    return time.monotonic_ns()
