"""What it costs to look whether 10,000 silent rooms miss their last event, done every 2 s by every process.

Beside asking the same nats-server for the newest event of every room, which is the plain way. Each look is followed by
one of the other kind; a room has 1 event of 500 B. `make bench F=quiet`, half a minute.
"""

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvloop

import nats_rig
from whatssound.adapters.nats import LogSettings, NatsLog
from whatssound.ids import RoomId

ROOMS: Final = tuple(RoomId((1 << 56) + n) for n in range(10_000))
RECORD: Final = b"chat\n" + b"x" * 495
PAIRS: Final = 9
EVERY_S: Final = 2.0


async def filled(log: NatsLog) -> None:
    """One event in every room."""
    for start in range(0, len(ROOMS), 200):
        await asyncio.gather(*(log.append(room, RECORD, key="a") for room in ROOMS[start : start + 200]))


async def cost(look: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """ms of CPU in this process, and ms until it was done."""
    cpu_s, wall_s = own_cpu_s(), time.perf_counter()
    await look()
    return (own_cpu_s() - cpu_s) * 1e3, (time.perf_counter() - wall_s) * 1e3


def own_cpu_s() -> float:
    """User and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    """Print both and their ratio."""
    print(f"load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, nats_rig.one_server(Path(folder)) as server:
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, LogSettings(max_bytes=256 << 20))
            await filled(log)
            cursors = await log.positions(ROOMS)
            await log.moved(cursors)
            pairs = [
                (*await cost(lambda: log.moved(cursors)), *await cost(lambda: log.positions(ROOMS)))
                for _ in range(PAIRS)
            ]
            await log.close()
    tell(pairs)


def tell(pairs: list[tuple[float, float, float, float]]) -> None:
    """One line for CPU, one for how long it takes."""
    for what, ours, plain in (("CPU", 0, 2), ("wall", 1, 3)):
        ratios = sorted(pair[ours] / pair[plain] for pair in pairs)
        mine, other = (statistics.median(pair[side] for pair in pairs) for side in (ours, plain))
        share = f"   {mine / EVERY_S / 10:.1f} % of a CPU" if what == "CPU" else ""
        print(
            f"one look at {len(ROOMS):,} silent rooms, {what:<4} {mine:6.1f} ms{share}"
            f"   every room's newest event {other:6.1f} ms, ours x{statistics.median(ratios):.3f}"
            f" ({ratios[0]:.3f}-{ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    uvloop.run(main())
