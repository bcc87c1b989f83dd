"""10,000 listeners lose their server at once: how soon they are back, and what that costs the store and the log.

`make bench F=storm WITH="10000"`: one process is killed (SIGKILL) and started again on its data; with
`WITH="10000 3"` one gateway process of three is killed, the crowd is three times as large, and those who lost their
process come back wherever there is room. The limit is the product's promise: 99 % of them within 15 s. Reads of store
and log are printed for two sizes of crowd, because they must not grow with it. Time counts from the kill; what a
restart takes is in it, and is printed.
"""

import asyncio
import os
import signal
import sys
import urllib.request
from collections.abc import Sequence

from crowd.cost import cpu_s
from load.crowd import Crowd, now_ns
from load.figures import back_ms
from load.log import WorkerLog
from load.speakers import speaking
from load.stage import Stage, stage
from rig import percentile
from several import descendants

LIMIT_S = 15.0
READS = ("whatssound_joins_looked_up", "whatssound_joins_reused", "whatssound_hub_repairs")
"""Looks at the store for a join, joins that shared one, replays of the log."""


def main(clients: int = 10_000, processes: int = 1) -> None:
    """A tenth of the crowd first, to see what grows with it."""
    for size in (clients // 10, clients):
        storm(size, processes)


def storm(victims: int, processes: int) -> None:
    """One crowd, one kill."""
    arguments, clients = ("--workers", str(processes)) if processes > 1 else (), victims * processes
    with stage(*arguments) as here, Crowd(here.place, here.tokens, clients, processes=2) as crowd:
        crowd.wait_live(timeout_s=300)
        crowd.wait_heard(asyncio.run(said_something(here)))
        before, since_ns = reads(here), now_ns()
        if processes > 1:
            victim = a_gateway(here)
            used = cpu_s(here.server.pid) - cpu_s(victim), cpus_s(crowd)
            os.kill(victim, signal.SIGKILL)
        else:
            here.server.kill()
            here.server.start()
            print(f"    the server answered again after {(now_ns() - since_ns) / 1e9:.1f} s")
            used = 0.0, cpus_s(crowd)
        if not crowd.wait_until(lambda: crowd.joins > clients and crowd.live == clients, timeout_s=180):
            sys.exit(f"only {crowd.live} of {clients} are back")
        used = cpu_s(here.server.pid) - used[0], cpus_s(crowd) - used[1]
        after = reads(here)
        logs = crowd.stop()
    report(clients, processes, logs, since_ns)
    print(
        f"    CPU until all were back: the server {used[0]:.1f} s, the crowd {used[1]:.1f} s, of {os.cpu_count()} cores"
    )
    print("    reads:", {name: sum(grown(before, after, name)) for name in READS})


def cpus_s(crowd: Crowd) -> float:
    """CPU time of the processes of a crowd, in s."""
    return sum(map(cpu_s, crowd.pids))


def a_gateway(here: Stage) -> int:
    """The id of a process that holds sockets only."""
    return next(pid for name, pid in descendants(here.server.pid).items() if name.startswith("gateway"))


def grown(before: dict[str, float], after: dict[str, float], name: str) -> list[float]:
    """By how much each process's counter grew; one that is new began at 0."""
    return [
        value - before.get(key, 0) if value >= before.get(key, 0) else value
        for key, value in after.items()
        if key.partition("{")[0].removesuffix("_total") == name
    ]


async def said_something(here: Stage) -> int:
    """One message, so that there is a place in the log to come back to; that place."""
    async with speaking(here.server.url, here.tokens[:1], here.place.room_id) as speakers:
        await speakers.speak(per_s=1, count=1)
        return speakers.last_seq


def reads(here: Stage) -> dict[str, float]:
    """The counters of reads, of each process."""
    with urllib.request.urlopen(f"{here.server.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    counters = (line.rpartition(" ") for line in lines if line.startswith(READS))
    return {name: float(value) for name, _, value in counters}


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
