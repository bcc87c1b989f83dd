"""Listeners who read 1 kB/s among others: what the others notice, and what the slow ones cost in memory.

The same room talks without slow listeners, with 1 % and with 10 % of them, in turns; the others' latency to the last is
compared with that of the turn without. The slow are closed with the advice to resume. `make bench F=slow`
"""

import argparse
import urllib.request
from pathlib import Path
from statistics import median

from chat import Talk
from crowd.cost import private_bytes, say_load
from crowd.listeners import compiled
from crowd.ours import house
from rig import percentile

LIMIT = 1.1
RATE = 60
SHARES = (0.0, 0.01, 0.1)
OUTBOX_BYTES = 256 * 1024 + 64 * 1024
"""What a slow one may hold: its line, and one write in its transport."""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pairs", type=int, default=7)
    asked.add_argument("--size", type=int, default=5_000)
    asked.add_argument("--seconds", type=float, default=12.0)
    options = asked.parse_args()
    say_load()
    with compiled() as programs:
        p99_ms: dict[float, list[float]] = {share: [] for share in SHARES}
        for _ in range(options.pairs):
            for share in SHARES:
                p99_ms[share].append(one(programs, options.size, share, options.seconds))
    for share in SHARES[1:]:
        ratios = [slow / none for slow, none in zip(p99_ms[share], p99_ms[0.0], strict=True)]
        print(
            f"{share:.0%} slow of {options.size}: the others' p99 to the last x{median(ratios):.2f} of none slow"
            f" ({min(ratios):.2f}-{max(ratios):.2f}, n={len(ratios)})  limit x{LIMIT}"
        )
    say_load()


def one(programs: Path, size: int, share: float, seconds: float) -> float:
    """The others' p99 in ms, in a room of `size` of which `share` are slow."""
    slow = round(size * share)
    with house() as here, here.listeners(programs, size, slow=slow) as listeners:
        talk = Talk(here, listeners)
        talk.at(5, 5)
        before = private_bytes(here.server.pid)
        _, lasts_ms = talk.at(RATE, round(RATE * seconds), text_bytes=2_000)
        grown = private_bytes(here.server.pid) - before
        advised = told_to_resume(here.server.port)
        end = listeners.end()
    right = end.wrong == 0 and end.frames == talk.said * (size - slow) and end.closed <= slow
    p99_ms = percentile(lasts_ms, 99)
    print(
        f"{share:>5.0%} slow: p50 {median(lasts_ms):.0f} p99 {p99_ms:.0f} max {max(lasts_ms):.0f} ms;"
        f" memory grew by {grown / 1e6:.1f} MB, bound {slow * OUTBOX_BYTES / 1e6:.0f} MB and the log;"
        f" {advised} of {slow} were closed with the advice to resume;"
        f" {'the others heard all in order' if right else f'WRONG: {end}'}",
        flush=True,
    )
    return p99_ms


def told_to_resume(port: int) -> int:
    """Sockets the server has closed with 4008; who reads 1 kB/s finds out when all before it is read."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('whatssound_sockets_closed_total{code="4008"}'):
                return round(float(line.split()[-1]))
    return 0


if __name__ == "__main__":
    main()
