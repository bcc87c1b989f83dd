"""Catalog: what a room needs of the library of tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import TrackId
from whatssound.wire import events


@dataclass(frozen=True, slots=True)
class TrackNow:
    """What the library knows of a track now. A failed one cannot be played and leaves every queue.

    One that is not `reachable` cannot be played just now; it may wait in queues, but none is added.
    """

    track: events.Track
    failed: bool = False
    reachable: bool = True


class Catalog(Protocol):
    """Tracks by id, as a room shows them; `hls` is empty until `sign` fills it."""

    async def playable(self, track_id: TrackId) -> events.Track:
        """The track, and its encode is on its way. Refusal `not_found`, or `invalid` for one that failed."""
        ...

    async def current(self, track_ids: Sequence[TrackId]) -> list[TrackNow]:
        """What is known of these tracks; those the library has lost have failed, or are left out."""
        ...

    async def upcoming(self, track_ids: Sequence[TrackId]) -> None:
        """These will be heard, in this order: have them encoded in time. May be called often."""
        ...

    def sign(self, track: events.Track) -> events.Track:
        """The track with `hls` as a path that players may ask for hours to come."""
        ...
