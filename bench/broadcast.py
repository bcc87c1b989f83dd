"""Broadcasts on one realtime topic, so many a second: CPU per delivery and the time to the last listener.

Beside it socket.io, npm's `ws` and Centrifugo; all hold a crowd of their own at the same time and take turns, ratios
are medians of turns. Ours takes each broadcast from a client's socket, as JSON with an acknowledgement; the peers read
lines, Centrifugo HTTP. Whether the frames of a moment are gathered is up to each. `make bench F=broadcast`
"""

import argparse
import time
from contextlib import ExitStack
from statistics import median

from crowd import peers
from crowd.cost import cpu_s, say_load
from crowd.listeners import compiled, marked
from crowd.multitude import is_right
from crowd.ours import realtime
from crowd.peers import Served
from rig import percentile

FRAME_BYTES = 260
TEXT_BYTES = {"WhatsSound": 156, "Centrifugo": 200, "socket.io": 247}
"""What makes a frame of 260 bytes."""

KINDS = {
    "ours": realtime,
    "socket.io": peers.socket_io,
    "ws": peers.npm_ws,
    "centrifugo": peers.centrifugo,
}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--listeners", type=int, default=1_000)
    asked.add_argument("--rates", type=int, nargs="*", default=[10, 50], help="broadcasts a second")
    asked.add_argument("--seconds", type=float, default=2, help="of each turn")
    asked.add_argument("--pairs", type=int, default=5)
    asked.add_argument("--with", dest="kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    options = asked.parse_args()
    say_load()
    with compiled() as programs, ExitStack() as stack:
        served = [stack.enter_context(KINDS[kind](programs, options.listeners)) for kind in options.kinds]
        for rate in options.rates:
            compare(served, rate, options.seconds, options.pairs)
        for one in served:
            finish(one)
    say_load()


def compare(served: list[Served], rate: int, seconds: float, pairs: int) -> None:
    """Let all take turns; print what a delivery costs, and how ours compares with each."""
    costs: list[list[float]] = [[] for _ in served]
    for one in served:
        spoken(one, rate, 1.0)
        one.walls_ms.clear()
    for _ in range(pairs):
        for one, mine in zip(served, costs, strict=True):
            mine.append(spoken(one, rate, seconds))
    for one, mine in zip(served, costs, strict=True):
        ratios, walls = [ours / theirs for ours, theirs in zip(costs[0], mine, strict=True)], one.walls_ms
        print(
            f"{rate:>4}/s {one.name:<12} CPU per delivery {median(mine):6.2f} us ({min(mine):.2f}-{max(mine):.2f})"
            f"  ours x{median(ratios):.2f} of it ({min(ratios):.2f}-{max(ratios):.2f})"
            f"  last p50 {median(walls):.0f} ms, p99 {percentile(walls, 99):.0f} ms, n={len(walls)}",
            flush=True,
        )


def spoken(one: Served, rate: int, seconds: float) -> float:
    """CPU of a delivery, in us, while `rate` broadcasts a second are sent."""
    before_s, begun_s = cpu_s(one.pid), time.monotonic()
    first, count = one.said + 1, max(1, round(rate * seconds))
    for number in range(count):
        due_s = begun_s + number / rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        one.said += 1
        one.say(marked(one.said, TEXT_BYTES.get(one.name, FRAME_BYTES), round(due_s * 1e9)))
    one.walls_ms += [one.listeners.until(number) for number in range(first, one.said + 1)]
    return (cpu_s(one.pid) - before_s) * 1e6 / count / one.listeners.count


def finish(one: Served) -> None:
    """Whether everybody has heard everything in order."""
    end = one.listeners.end()
    right = is_right(end, one.said, one.listeners.count)
    print(f"{one.name:<12} {f'{end.frames} deliveries, all in order' if right else f'WRONG: {end}'}", flush=True)


if __name__ == "__main__":
    main()
