"""What it costs to know who is in a room of 100,000: a page of people, and one who comes and goes.

Beside the plain way, a set of ids from which each page takes the smallest. `make bench F=attendance`, half a minute.
"""

import heapq
import os
import random
from dataclasses import dataclass
from statistics import median
from timeit import Timer
from typing import Final

import msgspec

from whatssound.gateway.attendance import Attendance
from whatssound.ids import UserId
from whatssound.wire.events import User

SIZES: Final = (1_000, 100_000)
PAIRS: Final = 9
PAGE: Final = 101
"""A page of the API, and one more to know whether another follows."""
LIMIT_US: Final = 2_000.0
"""What the event loop may be held up for."""

_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(eq=False)
class Somebody:
    """A channel's part in it."""

    person: User


def measured(size: int) -> None:
    """Print a line for a page and one for a coming and going."""
    ids = [UserId(id) for id in random.sample(range(1, 1 << 62), size)]
    people = {id: Somebody(User(str(id), f"Guest {id % 1_000}")) for id in ids}
    attendance = Attendance()
    for id, somebody in people.items():
        attendance.enter(id, somebody)

    def ours() -> bytes:
        return _encode(attendance.page(random.choice(ids), PAGE))

    def plain() -> bytes:
        after = random.choice(ids)
        page = heapq.nsmallest(PAGE, (id for id in people if id > after))
        return _encode([people[id].person for id in page])

    def comes_and_goes() -> None:
        id = UserId(random.randrange(1, 1 << 62))
        somebody = people[ids[0]]
        attendance.enter(id, somebody)
        attendance.leave(id, somebody)

    pairs = [(_us(ours, 300), _us(plain, 3)) for _ in range(PAIRS)]
    ratios = [mine / theirs for mine, theirs in pairs]
    pages, moves = [mine for mine, _ in pairs], [_us(comes_and_goes, 300) for _ in range(PAIRS)]
    print(
        f"{size:>7,} people: a page of {PAGE}, encoded {_shown(pages)}  limit {LIMIT_US:.0f}"
        f"  x{median(pages) / LIMIT_US:.3f}   plain {median(theirs for _, theirs in pairs):,.0f} µs,"
        f" ours x{median(ratios):.4f}   one comes and goes {_shown(moves)}"
    )


def _us(work: object, times: int) -> float:
    return Timer("work()", globals={"work": work}).timeit(times) / times * 1e6


def _shown(found: list[float]) -> str:
    return f"{median(found):.0f} µs ({min(found):.0f}-{max(found):.0f}, n={len(found)})"


def main() -> None:
    """Print both sizes."""
    print(f"load average {os.getloadavg()[0]:.1f}")
    for size in SIZES:
        measured(size)


if __name__ == "__main__":
    main()
