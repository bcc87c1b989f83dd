"""A child process: takes its limits as arguments and jobs as lines of JSON, answers in lines of JSON.

It imports what it needs before the first job comes, and never touches a file: each track's jobs are done by a fork of
it, which ends at an empty line and takes all of that track with it. So a track begins at once, costs no start (0.17 s
of CPU), and cannot leave anything to the next one. A fork that is killed takes this process with it, in the same way.
A parent that died is noticed by the end of standard input or by a broken pipe.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from whatssound.adapters.orphans import die_with_parent

Task = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None]
"""Does a job, and calls with everything that there is to report."""


def main(arguments: list[str]) -> int:
    """`<encode|compose> <memory bytes> <CPU s> <file bytes> <nice>`."""
    what, *figures = arguments
    _limit(*map(int, figures))
    task_of_a_track = _prepared(what)
    while line := _line():
        if (status := _forked(lambda: _work(task_of_a_track(), line))) != 0:
            return _died(status)
    return 0


def _work(task: Task, line: bytes) -> None:
    """All the jobs of one track, the first of which is `line`."""
    with contextlib.suppress(BrokenPipeError):
        while line.strip():
            task(json.loads(line), _tell)
            _tell({"type": "done"})
            line = _line()


def _line() -> bytes:
    """Unbuffered: what comes after this line may be for another process."""
    return sys.stdin.buffer.raw.readline()  # pyright: ignore


def _forked(work: Callable[[], None]) -> int:
    """The status of a fork that does `work`: 0 when it came to its end, less than 0 for the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with contextlib.suppress(AttributeError, OSError):  # only Linux can; elsewhere a broken pipe ends it
                die_with_parent()
            work()
            status = 0
        except Exception:  # the process's edge
            traceback.print_exc()
        finally:
            # Not sys.exit: a standard output whose reader is gone must not be flushed again at the end.
            os._exit(status)
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.kill(pid, signal.SIGKILL))
    _, status = os.waitpid(pid, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return os.waitstatus_to_exitcode(status)


def _died(status: int) -> int:
    """Die of the same signal; answers the status to end with where it was none."""
    if status < 0:
        os.kill(os.getpid(), -status)
    return abs(status)


def _limit(memory_bytes: int, cpu_s: int, file_bytes: int, nice: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))
    os.nice(nice)


def _prepared(what: str) -> Callable[[], Task]:
    if what == "encode":
        from whatssound.adapters.media import child  # noqa: PLC0415

        return lambda: child.TrackEncoder().encode
    from whatssound.adapters.media import compose  # noqa: PLC0415

    return lambda: compose.compose


def _tell(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
