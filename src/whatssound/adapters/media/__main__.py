"""A child process: takes its limits as arguments and jobs of one track as lines of JSON, answers in lines of JSON.

It imports what it needs before the job comes, so that a waiting child begins at once. A parent that died is noticed
by the end of standard input or by a broken pipe.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from typing import Any


def main(arguments: list[str]) -> int:
    """`<encode|compose> <memory bytes> <CPU s> <file bytes> <nice>`."""
    what, *figures = arguments
    _limit(*map(int, figures))
    task = _prepared(what)
    with contextlib.suppress(BrokenPipeError):
        while line := sys.stdin.buffer.readline():
            task(json.loads(line), _tell)
            _tell({"type": "done"})
        return 0
    return 1


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


def _prepared(what: str) -> Any:
    if what == "encode":
        from whatssound.adapters.media import child  # noqa: PLC0415

        return child.TrackEncoder().encode
    from whatssound.adapters.media import compose  # noqa: PLC0415

    return compose.compose


def _tell(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Not sys.exit: a standard output whose reader is gone must not be flushed again at the end.
    os._exit(status)
