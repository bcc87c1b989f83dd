"""One timer for all sockets: each has its turn every 1.5 s, a fifteenth of them at a time. Pure."""

from typing import Final, Protocol

SLOTS = 15
"""15,000 sockets are 1,000 a tick: about 4 ms each time if all had something due, instead of 60 ms at once."""

TICK_S = 0.1
"""What expires is over within 2 s (design §5), so that every socket's turn comes after 1.5."""

NOW_S: Final = 0.0
"""For `due_s`: at the next turn. A look at a socket costs 4 µs, a look at its `due_s` a tenth of one."""


class Swept(Protocol):
    """What now and then has something due."""

    @property
    def due_s(self) -> float:
        """When `check` has something to do, monotonic; whoever brings it forward sets it."""
        ...

    def check(self, now_s: float) -> None:
        """Do what is due."""
        ...


class _Slot:
    """Those whose turn comes together, and which news they have heard."""

    __slots__ = ("items", "news")

    def __init__(self) -> None:
        self.items: set[Swept] = set()
        self.news = 0


class Sweep:
    """Holds what is to be checked, spread evenly over the slots."""

    def __init__(self) -> None:
        self._slots = tuple(_Slot() for _ in range(SLOTS))
        self._next = 0

    def __len__(self) -> int:
        return sum(len(slot.items) for slot in self._slots)

    def add(self, item: Swept) -> None:
        """Check `item` from now on."""
        min(self._slots, key=lambda slot: len(slot.items)).items.add(item)

    def remove(self, item: Swept) -> None:
        """Stop checking `item`; unknown ones are ignored."""
        for slot in self._slots:
            slot.items.discard(item)

    def tick(self, now_s: float, news: int = 0) -> None:
        """Check the next slot; to be called every `TICK_S`. All in it, not the due alone, once `news` has changed."""
        slot = self._slots[self._next]
        self._next = (self._next + 1) % SLOTS
        if news == slot.news:
            due = [item for item in slot.items if item.due_s <= now_s]
        else:
            due, slot.news = list(slot.items), news
        for item in due:
            item.check(now_s)

    def all(self) -> list[Swept]:
        """Everything that is being checked."""
        return [item for slot in self._slots for item in slot.items]
