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

State = Literal["waiting", "running", "failed"]
"""One that failed stays, with its reason, until it is asked for again; one that came to its end is gone."""

JobKey = tuple[TrackId, Stage]
"""A track has at most one job a stage."""

RANK: Final[dict[Urgency, int]] = {"now": 0, "queued": 1, "upload": 2, "asked": 3}
"""Smaller comes first."""

_CEILING: Final[dict[Urgency, int]] = {"now": 6, "queued": 3, "upload": 2, "asked": 2}
"""How many encodes may run, this one included. A first segment takes 0.2 s of a core: four rooms that begin at once
beside an album hear theirs within a second or so on two cores. An encode takes about 100 MB."""


@dataclass(frozen=True, slots=True)
class Job:
    """An encode that is to be done. `attempts` counts how often it was begun and came to no end of any kind;
    `reason` says why it is not done, `holder` who does it."""

    track_id: TrackId
    stage: Stage
    urgency: Urgency
    asked_ms: int
    state: State = "waiting"
    attempts: int = 0
    reason: str | None = None
    holder: str | None = None

    @property
    def key(self) -> JobKey:
        """What tells it from all others."""
        return (self.track_id, self.stage)

    @property
    def turn(self) -> int:
        """Smaller comes first: no `rest` before any `first`, unless somebody wants it now."""
        return turn_of(self.stage, self.urgency)

    @property
    def rank(self) -> tuple[int, int, TrackId]:
        """Smaller comes first; of two in the same turn the one that was asked for earlier."""
        return (self.turn, self.asked_ms, self.track_id)

    @property
    def ceiling(self) -> int:
        """How many encodes may run once this one does."""
        return 1 if self.stage == "rest" and self.urgency != "now" else _CEILING[self.urgency]

    @property
    def background(self) -> bool:
        """Whether nobody listens for it yet."""
        return self.urgency in ("upload", "asked")


def turn_of(stage: Stage, urgency: Urgency) -> int:
    """The turn of such a job: grows with the urgency's rank, so that of one stage the more urgent has the smaller."""
    later = stage == "rest" and urgency != "now"
    return len(RANK) * later + RANK[urgency]
