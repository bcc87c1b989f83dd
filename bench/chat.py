"""A busy room: what one message to one listener costs, and when the last listener has it, with the tick and without.

The limit is a loop of `send()` in C, one message after another, in the same run. The schedule is open: messages are due
at their times whatever happens, and latency counts from there. `make bench F=chat`
"""

import argparse
import asyncio
import time
from pathlib import Path
from statistics import median

from crowd import peers
from crowd.cost import cpu_s, say_load
from crowd.listeners import Listeners, compiled, marked
from crowd.ours import House, house
from fanout import FRAME_BYTES, TEXT_BYTES
from rig import percentile

LIMITS = {50: 0.15, 200: 0.06}
LAST_MS = {1: 400}
"""For 10,000 listeners, with the tick at zero."""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pairs", type=int, default=7)
    asked.add_argument("--size", type=int, default=10_000)
    asked.add_argument("--seconds", type=float, default=4.0, help="of talk, per rate and pair")
    asked.add_argument("--rates", type=int, nargs="*", default=[1, 10, 50, 200])
    asked.add_argument("--without-ticks", type=int, nargs="*", default=[1], metavar="RATE")
    options = asked.parse_args()
    say_load()
    with compiled() as programs:
        run(programs, options.size, options.pairs, options.rates, options.seconds, without_ticks=False)
        if options.without_ticks:
            run(programs, options.size, options.pairs, options.without_ticks, options.seconds, without_ticks=True)
    say_load()


def run(programs: Path, size: int, pairs: int, rates: list[int], seconds: float, *, without_ticks: bool) -> None:
    """Let the limit and ours take turns at every rate."""
    with (
        peers.bare(programs, size) as limit,
        house(without_ticks=without_ticks) as here,
        here.listeners(programs, size) as listeners,
    ):
        talk = Talk(here, listeners)
        limit.cost_us(3, FRAME_BYTES)
        talk.at(10, 10)
        for rate in rates:
            limits_us, costs_us, lasts_ms = list[float](), list[float](), list[float]()
            for _ in range(pairs):
                limits_us.append(limit.cost_us(5, FRAME_BYTES))
                cost_us, last_ms = talk.at(rate, max(5, round(rate * seconds)))
                costs_us.append(cost_us)
                lasts_ms += last_ms
            report(rate, size, limits_us, costs_us, lasts_ms, without_ticks=without_ticks)
        end = listeners.end()
        right = end.wrong == 0 and end.closed == 0 and end.frames == talk.said * size
        print(f"       {end.frames} deliveries, {'all in order' if right else f'WRONG: {end}'}", flush=True)


class Talk:
    """Somebody who keeps to a schedule."""

    def __init__(self, here: House, listeners: Listeners) -> None:
        self._here = here
        self._listeners = listeners
        self.said = 0

    def at(self, rate: int, messages: int, *, text_bytes: int = TEXT_BYTES["WhatsSound"]) -> tuple[float, list[float]]:
        """Say `messages`, `rate` a second; CPU per delivery in µs, and each one's latency to the last in ms."""
        first, self.said = self.said + 1, self.said + messages
        before = cpu_s(self._here.server.pid)
        self._here.talker.run(self._scheduled(first, messages, rate, text_bytes))
        lasts_ms = [self._listeners.until(number) for number in range(first, first + messages)]
        cost_us = (cpu_s(self._here.server.pid) - before) * 1e6 / messages / self._listeners.count
        return cost_us, lasts_ms

    async def _scheduled(self, first: int, messages: int, rate: int, text_bytes: int) -> None:
        begin_ns = time.monotonic_ns() + 20_000_000
        saying = list[asyncio.Task[None]]()
        for index in range(messages):
            due_ns = begin_ns + index * 1_000_000_000 // rate
            await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            text = marked(first + index, text_bytes, due_ns)
            saying.append(asyncio.create_task(self._here.talker.saying(text)))
        await asyncio.gather(*saying)


def report(
    rate: int, size: int, limits_us: list[float], costs_us: list[float], lasts_ms: list[float], *, without_ticks: bool
) -> None:
    """One line for a rate."""
    ratios = [mine / limit for mine, limit in zip(costs_us, limits_us, strict=True)]
    held = "".join(
        [
            f"  limit x{LIMITS[rate]}" if rate in LIMITS and not without_ticks else "",
            f"  limit {LAST_MS[rate]} ms" if rate in LAST_MS and size == 10_000 else "",
        ]
    )
    print(
        f"{size:>6} listeners, {rate:>3}/s {'no tick' if without_ticks else '       '}"
        f"  CPU per delivered message {median(costs_us):6.3f} us ({min(costs_us):.3f}-{max(costs_us):.3f})"
        f"  x{median(ratios):.3f} of C's {median(limits_us):.2f} us ({min(ratios):.3f}-{max(ratios):.3f})"
        f"  last p50 {median(lasts_ms):.0f} p99 {percentile(lasts_ms, 99):.0f} max {max(lasts_ms):.0f} ms,"
        f" n={len(lasts_ms)}{held}",
        flush=True,
    )


if __name__ == "__main__":
    main()
