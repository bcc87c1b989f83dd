"""The load generator by itself: a crowd in one room, people who speak, and whether all promises were kept.

`make bench F=crowd WITH="10000 50 10"`: listeners, messages a second, seconds. Prints the latency to the last listener
and the CPU of the server beside that of the crowd: a crowd that needs more than its share of a core measures itself.
"""

import asyncio
import os
import statistics
import sys
import time

from faults.crowd_checker import verdict_on
from load.crowd import Crowd, cpu_s
from load.figures import to_last_ms
from load.speakers import speaking
from load.stage import Stage, stage
from load.verdicts import show
from rig import percentile


def main(clients: int = 1_000, per_s: float = 20, seconds: float = 10) -> None:
    """One run."""
    with stage() as here, Crowd(here.place, here.tokens, clients) as crowd:
        began_s = time.monotonic()
        crowd.wait_live()
        print(f"{clients} listeners in the room after {time.monotonic() - began_s:.1f} s")
        asyncio.run(spoken(here, crowd, per_s, seconds))


async def spoken(here: Stage, crowd: Crowd, per_s: float, seconds: float) -> None:
    """Speak, and tell how it went."""
    async with speaking(here.server.url, here.tokens[:10], here.place.room_id) as speakers:
        before = cpu_s([here.server.pid]), cpu_s(crowd.pids)
        await speakers.speak(per_s=per_s, count=round(per_s * seconds))
        after = cpu_s([here.server.pid]), cpu_s(crowd.pids)
        await asyncio.to_thread(crowd.wait_heard, speakers.last_seq)
    logs = crowd.stop()
    verdict = verdict_on(logs, speakers.said, here.history())
    latencies = to_last_ms(speakers.said, logs)
    shed = sum(one.refused != "" for one in speakers.said)
    print(
        f"to the last listener: p50 {statistics.median(latencies):.1f} ms, p99 {percentile(latencies, 99):.1f} ms, "
        f"most {max(latencies):.1f} ms; {len(latencies)} messages, {shed} shed"
    )
    server_s, crowd_s = (then - now for then, now in zip(after, before, strict=True))
    print(
        f"CPU a delivery: server {server_s / verdict.deliveries * 1e6:.2f} µs, "
        f"crowd {crowd_s / verdict.deliveries * 1e6:.2f} µs; load {os.getloadavg()[0]:.1f}"
    )
    show(verdict)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
