"""Gives a process of the server a wall clock that is wrong: Python imports this first, if it is on the path.

WRONG_CLOCKS names a folder with a file for each life of a process, `owner.0`, `owner.1`, `gateway.0` …: by how many ms
its clock is ahead. A process that begins takes the next one as `<its process id>` and reads it whenever it asks for the
time, so that a test can step a clock by writing another number there. Nothing in the server knows of this.
"""

import itertools
import os
import sys
import time
from pathlib import Path

_true_ns = time.time_ns


def _taken(folder: Path, role: str) -> Path | None:
    """This process's own file; None when none was left for it."""
    mine = folder / str(os.getpid())
    for number in itertools.count():
        left = folder / f"{role}.{number}"
        try:
            left.rename(mine)  # of two that try, one gets it
        except FileNotFoundError:
            if not (folder / f"{role}.{number + 1}").exists():
                return None
        else:
            return mine


def _go_wrong(clock: Path) -> None:
    def time_ns() -> int:
        return _true_ns() + int(float(clock.read_text()) * 1e6)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if "WRONG_CLOCKS" in os.environ:
    for _role in ("owner", "gateway"):
        if f"whatssound.serving.{_role}_process" in sys.orig_argv:
            _clock = _taken(Path(os.environ["WRONG_CLOCKS"]), _role)
            if _clock is not None:
                _go_wrong(_clock)
