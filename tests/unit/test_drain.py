"""A drain tells everybody, a few at a time, each another moment to come back."""

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest

from whatssound.gateway.drain import STEP_S, Drain
from whatssound.wire.hints import hint_ms


@dataclass
class Listener:
    """A socket that notes at which turn of the loop's clock it was closed."""

    said: list[tuple[float, int, str]] = field(default_factory=list)

    def close(self, code: int, reason: str = "") -> None:
        self.said.append((asyncio.get_running_loop().time(), code, reason))


class Dice:
    """Chance that goes through 0 … 1 evenly."""

    def __init__(self) -> None:
        self.value = 0.0

    def __call__(self) -> float:
        self.value = (self.value + 0.618) % 1
        return self.value


def groups(crowd: list[Listener]) -> list[int]:
    """How many were closed together, in order."""
    moments = [listener.said[0][0] for listener in crowd]
    assert moments == sorted(moments)
    sizes = [1]
    for before, after in itertools.pairwise(moments):
        if after - before < STEP_S / 2:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes


async def test_everybody_is_told_once_in_equal_parts_with_hints_that_differ() -> None:
    crowd = [Listener() for _ in range(100)]
    await Drain(spread_s=4 * STEP_S, per_second=1_000, chance=Dice()).run(crowd)
    assert [(len(listener.said), listener.said[0][1]) for listener in crowd] == [(1, 1012)] * 100
    assert groups(crowd) == [25] * 4
    hints = [hint_ms(listener.said[0][2]) or 0 for listener in crowd]
    assert len(set(hints)) > 90
    assert max(hints) <= 1_000


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_few_are_not_kept_waiting(count: int) -> None:
    crowd = [Listener() for _ in range(count)]
    await Drain(spread_s=3_600, per_second=1_000, chance=Dice()).run(crowd)
    assert all(listener.said for listener in crowd)


async def test_without_a_spread_all_are_told_at_once() -> None:
    crowd = [Listener() for _ in range(100)]
    await Drain(spread_s=0, per_second=1_000, chance=Dice()).run(crowd)
    assert groups(crowd) == [100]


async def test_a_hurried_drain_tells_the_rest_at_once() -> None:
    crowd = [Listener() for _ in range(10_000)]
    drain = Drain(spread_s=3_600, per_second=1_000, chance=Dice())
    draining = asyncio.create_task(drain.run(crowd))
    await asyncio.sleep(0)
    assert sum(map(bool, (listener.said for listener in crowd))) < 10
    drain.hurry()
    await draining
    assert all(len(listener.said) == 1 for listener in crowd)


async def test_hints_scatter_over_as_long_as_it_takes_to_let_all_in_again() -> None:
    crowd = [Listener() for _ in range(500)]
    await Drain(spread_s=0, per_second=100, chance=Dice()).run(crowd)
    hints = [hint_ms(listener.said[0][2]) or 0 for listener in crowd]
    assert 4_500 < max(hints) <= 5_000
