"""Every socket has its turn within 1.5 s; those with nothing due cost a glance."""

import math
from dataclasses import dataclass, field

from whatssound.gateway.sweep import NOW_S, SLOTS, Sweep


@dataclass(eq=False)
class Item:
    due_s: float
    checked_s: list[float] = field(default_factory=list)

    def check(self, now_s: float) -> None:
        self.checked_s.append(now_s)


def swept(*due_s: float) -> tuple[Sweep, list[Item]]:
    sweep, items = Sweep(), [Item(due) for due in due_s]
    for item in items:
        sweep.add(item)
    return sweep, items


def around(sweep: Sweep, now_s: float, news: int = 0) -> None:
    for _ in range(SLOTS):
        sweep.tick(now_s, news)


def test_in_one_round_everybody_who_is_due_is_checked_once_and_nobody_else() -> None:
    sweep, items = swept(*[NOW_S] * 40, *[99.0] * 40, *[100.0] * 40, *[100.1] * 40)
    around(sweep, 100.0)
    assert [len(item.checked_s) for item in items] == [1] * 120 + [0] * 40


def test_news_are_heard_by_everybody_once() -> None:
    sweep, items = swept(*[math.inf] * 40)
    around(sweep, 1.0, news=0)
    around(sweep, 2.0, news=5)
    around(sweep, 3.0, news=5)
    assert [item.checked_s for item in items] == [[2.0]] * 40


def test_a_slot_holds_a_fifteenth_and_no_tick_looks_at_more() -> None:
    sweep, items = swept(*[NOW_S] * 150)
    sweep.tick(1.0)
    assert sum(len(item.checked_s) for item in items) == 10


def test_who_has_left_is_not_checked() -> None:
    sweep, (stays, goes) = swept(NOW_S, NOW_S)
    sweep.remove(goes)
    around(sweep, 1.0)
    assert (len(sweep), stays.checked_s, goes.checked_s) == (1, [1.0], [])
