"""HomeBanStore: where it is kept, for a day at most, from which homes the banned came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import RoomId, UserId


@dataclass(frozen=True, slots=True)
class HomeBan:
    """`user` was banned from `room` at `banned_ms`, and came from `home`, a keyed hash; forgotten at `lapses_ms`."""

    room: RoomId
    home: bytes
    user: UserId
    banned_ms: int
    lapses_ms: int


class HomeBanStore(Protocol):
    """Durable, and forgetful on purpose. A returned write survives a kill; every method raises OSError."""

    async def add(self, bans: Sequence[HomeBan]) -> None:
        """Keep these. One that is known for the same room, home and person stays as it is."""
        ...

    async def of_room(self, room: RoomId, *, now_ms: float) -> list[HomeBan]:
        """Those of this room that have not lapsed by `now_ms`."""
        ...

    async def lift(self, room: RoomId, user: UserId) -> None:
        """Forget from where this person came."""
        ...

    async def forget_lapsed(self, now_ms: float) -> int:
        """Delete for good what has lapsed by `now_ms`; answers how many."""
        ...

    async def forget_person(self, user: UserId) -> None:
        """Forget this person's in every room."""
        ...
