"""What one message to everybody costs: CPU per send, and the time until the last has it.

The limit is a loop of `send()` in C, written here; beside it `websockets`, npm's `ws` and Centrifugo. All hold a crowd
of their own at the same time and take turns; each message is sent when everybody has the one before. Ours goes the
whole way: a chat message, stored and logged, over a real socket. Ratios are medians of pairs. `make bench F=fanout`
"""

import argparse
from contextlib import ExitStack
from statistics import median

from crowd import peers
from crowd.cost import say_load
from crowd.listeners import compiled
from crowd.ours import ours
from crowd.peers import Served
from rig import percentile

LIMIT = 1.15
LAST_MS = {1_000: 150, 10_000: 400}
FRAME_BYTES = 260
"""Of a chat event of ours; the others send as much."""

TEXT_BYTES = {"WhatsSound": 40, "Centrifugo": 200}
KINDS = {
    "bare": peers.bare,
    "ours": ours,
    "websockets": peers.websockets,
    "ws": peers.npm_ws,
    "centrifugo": peers.centrifugo,
}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pairs", type=int, default=7)
    asked.add_argument("--messages", type=int, default=10, help="said in a row, per turn")
    asked.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000])
    asked.add_argument("--with", dest="kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    options = asked.parse_args()
    say_load()
    with compiled() as programs:
        for size in options.sizes:
            with ExitStack() as stack:
                served = [stack.enter_context(KINDS[kind](programs, size)) for kind in options.kinds]
                compare(served, size, options.pairs, options.messages)
    say_load()


def compare(served: list[Served], size: int, pairs: int, messages: int) -> None:
    """Let all take turns; print what a send costs, and how it compares with the first, which is the limit."""
    costs: dict[str, list[float]] = {one.name: [] for one in served}
    for one in served:
        one.cost_us(3, TEXT_BYTES.get(one.name, FRAME_BYTES))
        one.walls_ms.clear()
    for _ in range(pairs):
        for one in served:
            costs[one.name].append(one.cost_us(messages, TEXT_BYTES.get(one.name, FRAME_BYTES)))
    for one in served:
        report(one, size, costs[one.name], costs[served[0].name])


def report(one: Served, size: int, costs_us: list[float], limit_us: list[float]) -> None:
    """One line, after a look at whether everybody has heard everything in order."""
    end = one.listeners.end()
    right = end.wrong == 0 and end.closed == 0 and end.frames == one.said * size
    ratios = [mine / limit for mine, limit in zip(costs_us, limit_us, strict=True)]
    walls = one.walls_ms
    print(
        f"{size:>6} {one.name:<12} CPU per send {median(costs_us):6.2f} us ({min(costs_us):.2f}-{max(costs_us):.2f})"
        f"  x{median(ratios):.2f} of bare C ({min(ratios):.2f}-{max(ratios):.2f})"
        f"  last p50 {median(walls):.0f} ms, p99 {percentile(walls, 99):.0f} ms, n={len(walls)}"
        f"  {'all in order' if right else f'WRONG: {end}'}",
        flush=True,
    )
    if one.name == "WhatsSound":
        held = f"limit x{LIMIT}; p99 to the last, limit {LAST_MS.get(size, '-')} ms"
        print(f"       {held}", flush=True)


if __name__ == "__main__":
    main()
