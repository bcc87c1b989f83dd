"""PlayStore: what rooms have played. Written by `RoomStore.save`, in one with the room."""

from collections.abc import Sequence
from typing import Protocol

from whatssound.ids import RoomId, TrackId, UserId
from whatssound.rooms.plays import Play

MAX_PLAYS = 10_000
"""Kept for each room: a set of 3 weeks day and night, 5 MB."""


class PlayStore(Protocol):
    """Reads of the set history. Tracks are as they were when they were played, removed ones too."""

    async def before(self, room: RoomId, before_ms: int | None, *, limit: int) -> list[Play]:
        """Plays that ended, newest first: those that started before `before_ms`, or the newest of all."""
        ...

    async def last_played(self, room: RoomId, tracks: Sequence[TrackId]) -> dict[TrackId, int]:
        """When each of these tracks was last begun in the room, Unix ms; those never played are left out."""
        ...

    async def forget_person(self, user: UserId) -> None:
        """Leave out the name of this person wherever they added what was played."""
        ...
