"""What a listener who says nothing costs in memory: user space per joined connection, beside `websockets`.

Measured as the growth of anonymous memory (RssAnon) from a crowd of a thousand to a full one, so that what the process
needs for itself is not in it. `make bench F=memory`
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from crowd import peers
from crowd.cost import private_bytes, say_load
from crowd.listeners import MOST, Listeners, compiled
from crowd.ours import house
from rig import show

LIMIT_BYTES = 10 * 1024
FIRST = 1_000


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pairs", type=int, default=3)
    asked.add_argument("--size", type=int, default=MOST)
    options = asked.parse_args()
    say_load()
    with compiled() as programs:
        mine = [ours(programs, options.size) for _ in range(options.pairs)]
        theirs = [websockets(programs, options.size) for _ in range(options.pairs)]
    show("WhatsSound, a joined connection", mine, limit=LIMIT_BYTES, unit="bytes")
    show("websockets, an open connection", theirs, limit=LIMIT_BYTES, unit="bytes")
    say_load()


def ours(programs: Path, size: int) -> float:
    """Bytes a connection, joined to one room."""
    with house() as here, ExitStack() as stack:
        return grown(here.server.pid, size, lambda count: stack.enter_context(here.listeners(programs, count)))


def websockets(programs: Path, size: int) -> float:
    """The same of a server that only holds them open."""
    with peers.spoken_to(peers.WEBSOCKETS) as (process, port), ExitStack() as stack:
        return grown(process.pid, size, lambda count: stack.enter_context(Listeners(programs, port, count, path="/")))


def grown(pid: int, size: int, join: Callable[[int], object]) -> float:
    """What the process grows by for each of the connections after the first thousand."""
    join(FIRST)
    time.sleep(3)
    before = private_bytes(pid)
    join(size - FIRST)
    time.sleep(3)
    return (private_bytes(pid) - before) / (size - FIRST)


if __name__ == "__main__":
    main()
