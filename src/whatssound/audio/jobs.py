"""EncodeJobs: what is to be encoded, in the order of its urgency, and who is at it."""

from collections.abc import Collection
from typing import Literal, NamedTuple, Protocol

from whatssound.audio.schedule import Job, JobKey, Stage, Urgency
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

Answer = Literal["new", "known", "full"]


class Counts(NamedTuple):
    """How many jobs wait, and how many somebody is at (or was, until they died)."""

    waiting: int
    running: int


class EncodeJobs(Protocol):
    """The queue of encodes: rows that pools of encoders claim, hold by a lease while they work, and take away.

    At least once: a job whose lease has ended is anybody's, also when its last holder still works on it. That does no
    harm, for both write the same bytes under the same names. A returned write survives a kill of the process; every
    method raises OSError. Times are server time, Unix ms.

    A track whose `first` waits has the status `queued`, without a reason: that is written with the job, all or nothing.
    """

    async def ask(self, track_id: TrackId, stage: Stage, urgency: Urgency, *, now_ms: int, limit: int) -> Answer:
        """Have it done: `new` when nobody had asked, or it had failed; it begins with no attempts then.

        `known` when it waits or runs already; it is then done as soon as the more urgent of the two wishes wants it.
        `full`, and nothing has changed, when `limit` others wait.
        """
        ...

    async def next(self, now_ms: int, *, but: Collection[JobKey] = ()) -> Job | None:
        """The job with the lowest rank that nobody holds at `now_ms`, those in `but` left out."""
        ...

    async def claim(self, job: Job, holder: str, *, now_ms: int, until_ms: int) -> Job | None:
        """Hold it until `until_ms`; None when somebody else came first. This is another attempt.

        Answers the job as it is now: somebody may have asked for it more urgently since `next`.
        """
        ...

    async def renew(self, holder: str, keys: Collection[JobKey], *, until_ms: int) -> set[JobKey]:
        """Prolong what `holder` holds of these; answers those. What is missing is somebody else's by now, or done."""
        ...

    async def finish(self, job: Job, *, then: Stage | None = None, now_ms: int = 0) -> bool:
        """It came to its end; `then` follows it as `asked`, in the same transaction and whatever the limit.

        False, and nothing has changed, when its holder does not hold it any more.
        """
        ...

    async def fail(self, job: Job, reason: str, *, shown: TrackStatus) -> bool:
        """It is not tried again by itself. A track whose `first` failed is `shown` so, with the reason: all or nothing.

        False, and nothing has changed, when its holder does not hold it any more.
        """
        ...

    async def give_back(self, job: Job, reason: str | None = None) -> bool:
        """It waits again, with the urgency that `job` has now; its attempts stay what `job` says.

        False, and nothing has changed, when its holder does not hold it any more.
        """
        ...

    async def forget(self, track_id: TrackId) -> None:
        """No job of this track is left."""
        ...

    async def let_go(self, pool: str) -> int:
        """What any holder `<pool>/…` holds is free at once: its process is known to be dead. Answers how many."""
        ...

    async def get(self, track_id: TrackId, stage: Stage) -> Job | None:
        """One job, in whatever state; None when there is none."""
        ...

    async def asked(self, track_ids: Collection[TrackId]) -> dict[JobKey, Urgency]:
        """The jobs of these tracks (at most 500) that wait or run, and how urgently each is wanted."""
        ...

    async def counts(self) -> Counts:
        """How many there are."""
        ...
