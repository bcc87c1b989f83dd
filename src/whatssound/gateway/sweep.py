"""One timer for all sockets: each is looked at every 1.5 s, a fifteenth of them at a time. Pure."""

from typing import Protocol

SLOTS = 15
"""15,000 sockets are 1,000 a tick: about 4 ms each time, instead of 60 ms at once."""

TICK_S = 0.1
"""What expires is over within 2 s (design §5), so that every socket's turn comes after 1.5."""


class Swept(Protocol):
    """What has something due about every second."""

    def check(self, now_s: float) -> None:
        """Do what is due."""
        ...


class Sweep:
    """Holds what is to be checked, spread evenly over the slots."""

    def __init__(self) -> None:
        self._slots: tuple[set[Swept], ...] = tuple(set() for _ in range(SLOTS))
        self._next = 0

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots)

    def add(self, item: Swept) -> None:
        """Check `item` from now on."""
        min(self._slots, key=len).add(item)

    def remove(self, item: Swept) -> None:
        """Stop checking `item`; unknown ones are ignored."""
        for slot in self._slots:
            slot.discard(item)

    def tick(self, now_s: float) -> None:
        """Check the next slot; to be called every `TICK_S`."""
        slot = self._slots[self._next]
        self._next = (self._next + 1) % SLOTS
        for item in tuple(slot):
            item.check(now_s)

    def all(self) -> list[Swept]:
        """Everything that is being checked."""
        return [item for slot in self._slots for item in slot]
