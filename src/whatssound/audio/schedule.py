"""Which encode comes next, and how many run at once. Pure.

A track is encoded in two stages: `first` makes it playable, `rest` adds the other rungs; `ogg` is a file for saving,
made on request. What somebody waits for starts beside what runs already, and gets the processor before it; an uploaded
album takes two places, the other rungs wait until nothing runs.
"""

from dataclasses import dataclass
from typing import Final, Literal

from whatssound.ids import TrackId

Urgency = Literal["now", "queued", "upload", "asked"]
"""Why a track is wanted, most urgent first: it plays or is next; it is in a queue; it was uploaded; somebody asked."""

Stage = Literal["first", "rest", "ogg"]

RANK: Final[dict[Urgency, int]] = {"now": 0, "queued": 1, "upload": 2, "asked": 3}
"""Smaller comes first."""

_CEILING: Final[dict[Urgency, int]] = {"now": 6, "queued": 3, "upload": 2, "asked": 2}
"""How many encodes may run, this one included. A first segment takes 0.2 s of a core: four rooms that begin at once
beside an album hear theirs within a second or so on two cores. An encode takes about 100 MB."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An encode that waits; `order` counts up."""

    track_id: TrackId
    stage: Stage
    urgency: Urgency
    order: int

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Smaller comes first: no `rest` before any `first`, unless somebody wants it now."""
        return (self.stage == "rest" and self.urgency != "now", RANK[self.urgency], self.order)

    @property
    def ceiling(self) -> int:
        """How many encodes may run once this one does."""
        return 1 if self.stage == "rest" and self.urgency != "now" else _CEILING[self.urgency]

    @property
    def background(self) -> bool:
        """Whether nobody listens for it yet."""
        return self.urgency in ("upload", "asked")

    def more_urgent_than(self, other: "Waiting") -> bool:
        """Whether this one should take the other's place."""
        return RANK[self.urgency] < RANK[other.urgency]


def next_to_start(waiting: list[Waiting], running: int) -> Waiting | None:
    """The encode to start beside `running` others, or None when all must wait."""
    best = min(waiting, key=lambda job: job.rank, default=None)
    return best if best is not None and running < best.ceiling else None
