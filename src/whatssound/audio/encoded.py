"""EncodedStore: which tracks are encoded, over the whole library."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import TrackId, UserId


@dataclass(frozen=True, slots=True)
class Encoded:
    """A track that has (or had) something encoded below `blob_key`. `encoded_bytes` is never below what is on disk."""

    track_id: TrackId
    blob_key: str
    encoded_bytes: int
    last_played_ms: int | None
    ready: bool


class EncodedStore(Protocol):
    """Durable as TrackStore is; the same rows seen by what was made of them."""

    async def encoded(self) -> list[Encoded]:
        """Every track with a blob key, in any order."""
        ...

    async def sharing(self, blob_key: str) -> list[TrackId]:
        """The tracks whose renditions are kept there: more than one when the same bytes are in the library twice."""
        ...

    async def account(self, id: TrackId, encoded_bytes: int) -> None:
        """Note what the track's encodes take on disk, or may come to take."""
        ...

    async def evicted(self, blob_keys: Collection[str]) -> list[TrackId]:
        """Note that nothing is kept below those keys any more; answers the tracks that were `ready` until now.

        They become `available`; length, loudness, waveform and blob key stay.
        """
        ...

    async def played(self, id: TrackId, at_ms: int) -> None:
        """Note when the track was last asked for by a player."""
        ...

    async def failed(self, limit: int) -> list[TrackId]:
        """Tracks that cannot be played, newest first."""
        ...

    async def uploads_of(self, owner: UserId) -> list[TrackId]:
        """What somebody uploaded, oldest first."""
        ...

    async def used_bytes(self, owner: UserId) -> int:
        """What the files that somebody uploaded take."""
        ...

    async def covers(self) -> set[str]:
        """The keys of all covers in use."""
        ...

    async def uses_cover(self, cover_key: str) -> bool:
        """Whether any track shows it."""
        ...

    async def remove(self, id: TrackId) -> bool:
        """Forget a track, search included; False when there was none."""
        ...
