"""What it costs to ask the ring whose room this is, beside the limit and beside the textbook's ring.

The textbook's: 128 points a node, sorted, blake2b of the key, bisect. `make bench F=ring`, ten seconds.
"""

import os
from bisect import bisect
from collections.abc import Callable
from hashlib import blake2b
from statistics import median
from timeit import Timer
from typing import Final

from whatssound.bus.ring import Ring

LIMIT_US: Final = 0.5
PAIRS: Final = 9
LOOKS: Final = 200_000
ROOM: Final = 1_234_567_890_123_456_789


def textbook(nodes: list[str]) -> Callable[[int], str]:
    """The usual consistent hash."""
    points = sorted(
        (int.from_bytes(blake2b(f"{node}:{n}".encode(), digest_size=8).digest()), node)
        for node in nodes
        for n in range(128)
    )
    places = [place for place, _ in points]

    def owner(id: int) -> str:
        place = int.from_bytes(blake2b(id.to_bytes(8), digest_size=8).digest())
        return points[bisect(places, place) % len(points)][1]

    return owner


def look_us(owner: Callable[[int], str]) -> float:
    """µs a look-up, the loop around it included."""
    return Timer("owner(room)", globals={"owner": owner, "room": ROOM}).timeit(LOOKS) / LOOKS * 1e6


def main() -> None:
    """Print one line a size of the ring."""
    print(f"load average {os.getloadavg()[0]:.1f}")
    for count in (1, 10, 100):
        nodes = [f"node-{n}" for n in range(count)]
        build_ms = Timer(lambda nodes=nodes: Ring(nodes)).timeit(1) * 1e3
        ours, other = Ring(nodes).owner, textbook(nodes)
        pairs = [(look_us(ours), look_us(other)) for _ in range(PAIRS)]
        mine, theirs = (median(side) for side in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        spread = f"{min(a for a, _ in pairs):.2f}-{max(a for a, _ in pairs):.2f}"
        print(
            f"a look-up among {count:>3} nodes   {mine:.2f} µs ({spread})  limit {LIMIT_US}  x{mine / LIMIT_US:.2f}"
            f"   textbook {theirs:.2f} µs, ours x{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            f"   made in {build_ms:.0f} ms"
        )


if __name__ == "__main__":
    main()
