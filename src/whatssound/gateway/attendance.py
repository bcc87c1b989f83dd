"""Who of a room's members in this process is a person, by id. Pure."""

from array import array
from bisect import bisect_left, bisect_right
from typing import Protocol

from whatssound.ids import UserId
from whatssound.wire.events import User


class Attendant(Protocol):
    """A channel with a person behind it."""

    @property
    def person(self) -> User | None:
        """Who it is, as others see them; None for a token that only reads."""
        ...


class Attendance:
    """A list in the order of ids, 16 bytes a member, so that a page of it is a slice.

    Of 100,000 members, one who comes or goes takes 20 to 90 µs (the rest of the list moves in memory), a page of 100
    people 0.2 ms (`make bench F=attendance`); sorting out the smallest of a set would hold up the loop for 11 ms.
    """

    __slots__ = ("_ids", "_members")

    def __init__(self) -> None:
        self._ids = array("q")
        self._members: list[Attendant] = []

    def __len__(self) -> int:
        return len(self._ids)

    def enter(self, id: UserId | None, member: Attendant) -> None:
        """`member` speaks for this person; nobody is remembered for a token that only reads."""
        if id is not None:
            at = bisect_right(self._ids, id)
            self._ids.insert(at, id)
            self._members.insert(at, member)

    def leave(self, id: UserId | None, member: Attendant) -> None:
        """`member`, who entered as this person, does not speak for them any more."""
        if id is None:
            return
        at = bisect_left(self._ids, id)
        while at < len(self._ids) and self._ids[at] == id:
            if self._members[at] is member:
                del self._ids[at], self._members[at]
                return
            at += 1

    def page(self, after: UserId, limit: int) -> list[User]:
        """The first `limit` people with a greater id than `after`, each once, in the order of their ids."""
        found: list[User] = []
        last = after
        for at in range(bisect_right(self._ids, after), len(self._ids)):
            if len(found) == limit:
                break
            if self._ids[at] != last and (person := self._members[at].person) is not None:
                last = self._ids[at]
                found.append(person)
        return found
