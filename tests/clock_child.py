"""A process of a cluster that does nothing but keep the time.

Arguments: the NATS server's URL, its own name, by how many ms its wall clock is ahead, and "owns" or "follows".

For each line that it reads it writes one: its monotonic clock (the same for all processes of a machine), its server
time and whether it is the reference. "step" sets its wall clock an hour ahead first.
"""

import asyncio
import json
import sys
import time

from whatssound.adapters.nats import NatsBus, NatsConnection
from whatssound.bus.clock_sync import ClockSync
from whatssound.bus.members import Members
from whatssound.bus.timeline import Timeline


class Wall:
    """A wall clock that is wrong."""

    def __init__(self, ahead_ms: float) -> None:
        self.ahead_ms = ahead_ms

    def ns(self) -> int:
        return time.time_ns() + int(self.ahead_ms * 1e6)


def read_together(timeline: Timeline) -> tuple[float, float]:
    """The machine's monotonic clock and server time of one moment, ms: of ten readings the one made quickest.

    On a busy machine a process may be put aside between two reads, for longer than these tests allow clocks to differ.
    """
    readings: list[tuple[float, float, float]] = []
    for _ in range(10):
        before_ms, now_ms, after_ms = time.monotonic_ns() / 1e6, timeline.now_ms(), time.monotonic_ns() / 1e6
        readings.append((after_ms - before_ms, (before_ms + after_ms) / 2, now_ms))
    _, monotonic_ms, now_ms = min(readings)
    return monotonic_ms, now_ms


async def main(url: str, node: str, ahead_ms: str, role: str) -> None:
    wall = Wall(float(ahead_ms))
    timeline = Timeline(wall_ns=wall.ns)
    connection = await NatsConnection.open([url], name=node)
    async with connection:
        bus = NatsBus(connection)
        members = Members(bus, node, owns=role == "owns", start_ms=time.time_ns() // 1_000_000)
        async with members, ClockSync(bus, members, timeline, owns=role == "owns") as clock:
            await clock.ready()
            print("ready", flush=True)  # noqa: T201
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip() == "step":
                    wall.ahead_ms += 3_600_000
                told = [*read_together(timeline), timeline.err_ms(), clock.statistics().leads]
                print(json.dumps(told), flush=True)  # noqa: T201
        await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
