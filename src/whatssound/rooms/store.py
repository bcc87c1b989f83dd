"""RoomStore: where rooms are kept, one row each, fenced by `rev` and `owner`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import RoomId, UserId
from whatssound.rooms.plays import Play
from whatssound.rooms.room import Room


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """A row. `owner` is who took it last; `seen_ms` when the DJ's device was last noted there."""

    room: Room
    owner: str
    seen_ms: float | None = None


class SlugTaken(Exception):
    """Another room has that slug; choose another."""


class RoomStore(Protocol):
    """Durable rooms. A returned write survives a kill of any process.

    `Room.watch` is not kept. Every method raises OSError when the disk refuses; then nothing is stored.
    """

    async def create(self, room: Room, *, owner: str) -> None:
        """Keep a new room. Raises SlugTaken."""
        ...

    async def get(self, id: RoomId) -> StoredRoom | None:
        """The room with that id, or None."""
        ...

    async def by_slug(self, slug: str) -> StoredRoom | None:
        """The room with that slug, or None."""
        ...

    async def save(self, room: Room, *, was_rev: int, owner: str, plays: Sequence[Play] = ()) -> bool:
        """Replace the row if it still has `was_rev` and `owner`, and keep `plays`, which have ended, with it.

        Both or neither: False, and nothing stored, otherwise. A play that is known stays as it is. The newest 10,000
        of a room are kept.
        """
        ...

    async def take(self, id: RoomId, *, owner: str) -> StoredRoom | None:
        """Make `owner` the room's owner and count its `rev` up, so that every save of the one before fails.

        Answers the room under its new `rev`; None when there is no such room.
        """
        ...

    async def due_before(self, at_ms: float, *, limit: int) -> list[RoomId]:
        """Open rooms in which something happens before `at_ms`, the earliest first."""
        ...

    async def listed(self, *, limit: int) -> list[StoredRoom]:
        """Open rooms that are shown to everybody, newest first."""
        ...

    async def of_dj(self, user: UserId, *, limit: int) -> list[StoredRoom]:
        """The open rooms that `user` opened, newest first."""
        ...

    async def open_after(self, id: RoomId, *, limit: int) -> list[StoredRoom]:
        """Open rooms with a larger id than `id`, in the order of their ids: for a walk over all of them."""
        ...

    async def naming(self, user: UserId, *, after: RoomId, limit: int) -> list[StoredRoom]:
        """Rooms with a larger id than `after` that may name `user`, ended ones too, in the order of their ids.

        Reads every row: for the rare day on which somebody is to be forgotten.
        """
        ...

    async def touch(self, id: RoomId, *, owner: str, seen_ms: float, due_ms: float | None) -> None:
        """Note that the DJ's device was there, without a new `rev`. Nothing happens when `owner` changed."""
        ...
