"""Which encoded track makes way when the cache is full. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from whatssound.ids import TrackId

PROTECTED_MS: Final = 20_000
"""How long a track that somebody just asked for stays, whatever else is wanted: adding it to a queue takes less, and a
player that hears it asks for its next segment sooner."""


@dataclass(slots=True)
class Kept:
    """What is stored below one blob key, for all tracks of the same bytes.

    `used_ms`: when it was encoded, or last sent to a player; `asked_ms`: when somebody last looked for it.
    """

    blob_key: str
    bytes: int = 0
    used_ms: float = 0.0
    asked_ms: float = 0.0
    tracks: set[TrackId] = field(default_factory=set[TrackId])


@dataclass(frozen=True, slots=True)
class Safe:
    """What must stay: tracks in queues, tracks and keys that are being encoded, and what was used just now."""

    tracks: Collection[TrackId]
    keys: Collection[str]
    now_ms: float

    def holds(self, kept: Kept) -> bool:
        """Whether `kept` must stay."""
        recent = self.now_ms - max(kept.used_ms, kept.asked_ms) < PROTECTED_MS and bool(kept.tracks)
        return recent or kept.blob_key in self.keys or any(id in self.tracks for id in kept.tracks)


def victim(all_kept: Iterable[Kept], safe: Safe) -> Kept | None:
    """The one to go first: what no track needs any more, then the least recently used. None when all must stay."""
    free = (kept for kept in all_kept if not safe.holds(kept))
    return min(free, key=lambda kept: (bool(kept.tracks), kept.used_ms), default=None)
