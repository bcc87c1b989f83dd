"""10,000 listeners lose their server at once: how soon they are back, and what that costs the store and the log.

`make bench F=storm WITH="10000"`: one process is killed (SIGKILL) and started again on its data; with
`WITH="10000 3"` one gateway process of three is killed and its listeners come back wherever there is room. The limit is
the product's promise: 99 % of them within 15 s. Reads of store and log per room are printed for two sizes of crowd,
because they must not grow with it. The moment that counts is the kill; the time that a restart takes is in it.
"""

import asyncio
import os
import random
import signal
import sys
import urllib.request
from collections.abc import Sequence

from faults.calamities import Scene
from load.crowd import Crowd, now_ns
from load.figures import back_ms
from load.log import WorkerLog
from load.speakers import speaking
from load.stage import Stage, stage
from rig import percentile

LIMIT_S = 15.0
READS = ("whatssound_joins_looked_up", "whatssound_joins_reused", "whatssound_hub_repairs")
"""Looks at the store for a join, joins that shared one, replays of the log."""


def main(clients: int = 10_000, processes: int = 1) -> None:
    """A tenth of the crowd first, to see what grows with it."""
    for size in (clients // 10, clients):
        storm(size, processes)


def storm(clients: int, processes: int) -> None:
    """One crowd, one kill."""
    arguments = ("--workers", str(processes)) if processes > 1 else ()
    with stage(*arguments) as here, Crowd(here.place, here.tokens, clients, processes=2) as crowd:
        crowd.wait_live()
        asyncio.run(said_something(here))
        scene = Scene(here, crowd, random.Random(1))
        before, since_ns = reads(here), now_ns()
        if processes > 1:
            os.kill(scene.process("gateway"), signal.SIGKILL)
        else:
            here.server.kill()
            here.server.start()
            before = {}
        crowd.wait_until(lambda: crowd.joins > clients and crowd.live == clients, timeout_s=120)
        asyncio.run(said_something(here))
        after = reads(here)
        logs = crowd.stop()
    report(clients, processes, logs, since_ns)
    print("    reads:", {name: after[name] - before.get(name, 0) for name in after})


async def said_something(here: Stage) -> None:
    """One message, so that there is a place in the log to come back to."""
    async with speaking(here.server.url, here.tokens[:1], here.place.room_id) as speakers:
        await speakers.speak(per_s=1, count=1)


def reads(here: Stage) -> dict[str, float]:
    """The counters of reads, all processes added up."""
    with urllib.request.urlopen(f"{here.server.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        bare = name.partition("{")[0].removesuffix("_total")
        if bare in READS:
            found[bare] = found.get(bare, 0) + float(value)
    return found


def report(clients: int, processes: int, logs: Sequence[WorkerLog], since_ns: int) -> None:
    """When how many were back."""
    back = back_ms(logs, since_ns)
    resets = sum(join.kind == "reset" for log in logs for join in log.joins if join.at_ns >= since_ns)
    times = [percentile(back, percent) / 1_000 for percent in (50, 99, 100)]
    print(
        f"{len(back)} of {clients} lost their server ({processes} processes): back 50 % {times[0]:.1f} s, "
        f"99 % {times[1]:.1f} s, 100 % {times[2]:.1f} s; limit 99 % {LIMIT_S:g} s, x{times[1] / LIMIT_S:.2f}; "
        f"{resets} reset; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
