"""SavedQueueStore: queues that people keep for another night."""

from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import TrackId, UserId

MAX_SAVED_QUEUES = 100
"""Of one person."""


@dataclass(frozen=True, slots=True)
class SavedTrack:
    """A place in a saved queue; title and length as they were, for when the track is gone."""

    id: TrackId
    title: str
    artist: str | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class SavedQueue:
    """A queue kept under a name; the names of one person differ by their key."""

    id: int
    user: UserId
    name: str
    name_key: str
    tracks: tuple[SavedTrack, ...]
    updated_ms: int


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """A saved queue without its tracks. `missing` of its `count` places cannot be played now."""

    id: int
    name: str
    count: int
    missing: int
    duration_ms: int
    updated_ms: int


class NameTaken(Exception):
    """This person has another queue of that name, whose id is `id`."""

    def __init__(self, id: int) -> None:
        super().__init__(f"queue {id} has that name")
        self.id = id


class TooManyQueues(Exception):
    """This person keeps 100 queues already."""


class SavedQueueStore(Protocol):
    """Durable. A returned write survives a kill; nobody meets anybody else's. Raises OSError when the disk refuses."""

    async def add(self, queue: SavedQueue) -> None:
        """Keep a new queue. Raises NameTaken, TooManyQueues; then nothing is kept."""
        ...

    async def replace(self, queue: SavedQueue) -> bool:
        """Put name, tracks and time in place of those of the same id and person; False when there is none.

        All or nothing. Raises NameTaken.
        """
        ...

    async def get(self, user: UserId, id: int) -> SavedQueue | None:
        """This person's queue, or None."""
        ...

    async def of(self, user: UserId) -> list[QueueSummary]:
        """This person's queues, the newest first."""
        ...

    async def remove(self, user: UserId, id: int) -> bool:
        """Delete one; False when there is none."""
        ...

    async def forget_person(self, user: UserId) -> None:
        """Delete all of this person's."""
        ...
