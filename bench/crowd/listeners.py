"""Listeners in a process of their own, in C: they cost little, check every message, and say when the last has it."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

HERE = Path(__file__).parent
MOST = 15_000
"""Sockets one process can hold where 20,000 files may be open."""


class End(NamedTuple):
    """What a crowd has seen."""

    frames: int
    wrong: int
    closed: int
    resumes: int
    order: int
    """What `order_of` makes of the messages that each has heard."""


def order_of(first: int, last: int) -> int:
    """What listeners make of the messages `first` to `last`, heard one after another, none twice."""
    order = 0
    for number in range(first, last + 1):
        order = (order * 6364136223846793005 + number) % 2**64
    return order


@contextmanager
def compiled() -> Iterator[Path]:
    """The folder with our C programs, built; gone afterwards."""
    if (compiler := shutil.which("cc")) is None:
        sys.exit("install a C compiler (cc)")
    with tempfile.TemporaryDirectory() as folder:
        for source in HERE.glob("*.c"):
            subprocess.run([compiler, "-O2", "-o", Path(folder) / source.stem, source], check=True)
        yield Path(folder)


class Listeners:
    """`count` sockets that have joined; `slow` of them read `rate` bytes a second and are counted apart."""

    def __init__(
        self,
        programs: Path,
        port: int,
        count: int,
        *,
        path: str,
        join: str = "",
        joined: str = "",
        slow: int = 0,
        rate: int = 1_000,
    ) -> None:
        command = [programs / "listeners", str(port), str(count), path, join, joined, str(slow), str(rate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = count
        self.listening = count - slow
        self.joined = 0
        self.latency_ms: dict[int, float] = {}

    def __enter__(self) -> Self:
        while not (line := self._line()).startswith("joined"):
            self.joined = int(line.split()[1])
        _, joined, took_ns, refused = line.split()
        self.joined, self.refused, self.join_s = int(joined), int(refused), int(took_ns) / 1e9
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def until(self, number: int) -> float:
        """How long after its time the last listener had message `number`, in ms."""
        while number not in self.latency_ms:
            word, heard, latency_ns = self._line().split()
            assert word == "m", word
            self.latency_ms[int(heard)] = int(latency_ns) / 1e6
        return self.latency_ms[number]

    def end(self) -> End:
        """Stop, and tell what was seen."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while not (line := self._line()).startswith("end"):
            _, heard, latency_ns = line.split()
            self.latency_ms[int(heard)] = int(latency_ns) / 1e6
        return End(*(int(part) for part in line.split()[1:]))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the listeners have died")
        return line


def marked(number: int, size: int, due_ns: int | None = None) -> str:
    """A text of `size` bytes that tells its number and when it was due."""
    mark = f"~#{number:08d}@{due_ns or time.monotonic_ns():020d}#"
    return mark + "x" * max(0, size - len(mark))
