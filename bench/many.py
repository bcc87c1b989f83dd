"""100,000 listeners in one room over six processes: what a delivery costs beside one to a thousand.

The whole way of a chat message: stored, logged, over the bus to every process, to each socket, one at a time. A loop of
`send()` in C over 10,000, a room of 1,000 over one process, one of 1,000 and one of each other size over `--workers`
processes are there together and take turns; CPU is that of all processes of a server, its nats-server included. Every
listener checks that it hears each message once and in order. Listeners come under the limits that the product ships
with, and heed its hints. Needs two cores, 6 GB and 20,000 open files a process:
`make bench F=many WITH="--sizes 30000 100000"`
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from clients import Refused
from crowd import peers
from crowd.cost import cpu_s, family, private_bytes, say_load
from crowd.listeners import compiled, marked
from crowd.multitude import Multitude, is_right
from crowd.ours import SAY_ALL, House, Talker, house
from crowd.peers import Served
from rig import percentile

LIMIT = 1.2
"""Of a delivery among the most beside one among a thousand (F12)."""

SMALL, BARE = 1_000, 10_000
TEXT_BYTES = {"WhatsSound": 40, "bare C": 260}
"""What makes a frame of 260 bytes."""

IDLE_S = 3.0


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pairs", type=int, default=7)
    asked.add_argument("--messages", type=int, default=3, help="said one after another, per turn")
    asked.add_argument("--sizes", type=int, nargs="*", default=[30_000, 100_000])
    asked.add_argument("--workers", type=int, default=6)
    options = asked.parse_args()
    say_load()
    several = ("--workers", str(options.workers))
    with compiled() as programs, ExitStack() as beside:
        limit = beside.enter_context(peers.bare(programs, BARE))
        alone = beside.enter_context(held(programs, SMALL))
        few = beside.enter_context(held(programs, SMALL, *several))
        for size in options.sizes:
            with held(programs, size, *several) as many:
                compare([limit, alone, few, many], options.pairs, options.messages)
                finish(many)
        for one in (limit, alone, few):
            finish(one)
    say_load()


@contextmanager
def held(programs: Path, size: int, *arguments: str) -> Iterator[Served]:
    """A server with a room of `size`; says how they came in, and what they cost while nobody talks."""
    with house(*arguments, settings=SAY_ALL) as here:
        before_s = cpu_s(here.server.pid)
        with Multitude(partial(here.listeners, programs), size) as listeners:
            joining_s = cpu_s(here.server.pid) - before_s
            print(
                f"{size:>6} over {' '.join(arguments) or 'one process'}: joined in {listeners.join_s:.1f} s, "
                f"{joining_s / size * 1e6:.0f} us of CPU each, {listeners.refused} told to come later; "
                f"at rest {idle(here.server.pid):.0%} of a core, "
                f"{private_bytes(here.server.pid) / 2**20:.0f} MiB of memory of their own",
                flush=True,
            )
            yield Served(
                f"WhatsSound{' over several' if arguments else ''}",
                here.server.pid,
                listeners,
                partial(say, here.talker),
            )
            end_at_once(here)


def idle(pid: int) -> float:
    """The share of a core that a server takes while nobody wants anything: the least, as a count may still be told."""
    shares: list[float] = []
    for _ in range(4):
        before_s = cpu_s(pid)
        time.sleep(IDLE_S)
        shares.append((cpu_s(pid) - before_s) / IDLE_S)
    return min(shares)


def say(talker: Talker, text: str) -> None:
    """Say it; when the server is too busy for chat, later, as a client does. Its time is that of the last try."""
    while True:
        try:
            return talker.say(marked(int(text[2:10]), len(text)))
        except Refused as refused:
            if refused.code != "overloaded":
                raise
            time.sleep(refused.response["retry_after_ms"] / 1_000)


def end_at_once(here: House) -> None:
    """Nobody learns anything from a hundred thousand goodbyes."""
    processes = family(here.server.pid)
    here.server.kill()
    while any(Path(f"/proc/{one}").exists() for one in processes):
        time.sleep(0.05)


def compare(served: list[Served], pairs: int, messages: int) -> None:
    """Let all take turns, and print what a delivery costs; the last one is held to the one before it."""
    costs: list[list[float]] = [[] for _ in served]
    for one in served:
        spoken(one, messages)
        one.walls_ms.clear()
    for _ in range(pairs):
        for one, mine in zip(served, costs, strict=True):
            mine.append(spoken(one, messages))
    for one, mine in zip(served, costs, strict=True):
        print(
            f"{one.listeners.count:>6} {one.name:<23} CPU per delivery {median(mine):6.2f} us "
            f"({min(mine):.2f}-{max(mine):.2f})  x{median(ratios(mine, costs[0])):.2f} of bare C  "
            f"last p50 {median(one.walls_ms):.0f} ms, p99 {percentile(one.walls_ms, 99):.0f} ms, n={len(one.walls_ms)}",
            flush=True,
        )
    for one, mine in zip(served[1:-1], costs[1:-1], strict=True):
        found = ratios(costs[-1], mine)
        spread = f"{min(found):.2f}-{max(found):.2f}"
        held_to = f", limit x{LIMIT}" if mine is costs[-2] else ""
        print(f"       x{median(found):.2f} of {SMALL} {one.name} ({spread}){held_to}", flush=True)


def spoken(one: Served, messages: int) -> float:
    """CPU of a delivery, in us, while so many are said."""
    return one.cost_us(messages, TEXT_BYTES[one.name.partition(" over")[0]])


def ratios(mine: list[float], others: list[float]) -> list[float]:
    """Turn by turn."""
    return [one / other for one, other in zip(mine, others, strict=True)]


def finish(one: Served) -> None:
    """Whether everybody has heard everything."""
    end = one.listeners.end()
    right = is_right(end, one.said, one.listeners.count)
    told = f"{end.frames} deliveries, all in order" if right else f"WRONG: {end}, {one.said} were said"
    print(f"{one.listeners.count:>6} {one.name:<23} {told}", flush=True)


if __name__ == "__main__":
    main()
