"""KeptStore: where broadcasts are kept for replay, at `((topic, bucket), id)`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

END_OF_IDS: Final = (1 << 63) - 1
"""Above every id."""


@dataclass(frozen=True, slots=True)
class KeptBroadcast:
    """A broadcast as it is kept. `payload` is what the application sent: JSON when `is_json`, otherwise any bytes."""

    topic: int
    """`Topic.id`."""
    id: int
    """A Snowflake: when it was sent, and its place in the order."""
    event: str
    payload: bytes
    is_json: bool
    expires_ms: int
    """Server time, Unix ms, from which on it is not shown any more."""


class KeptStore(Protocol):
    """Durable broadcasts of realtime topics, each for a time.

    A returned write survives a kill of any process. Reads see every write that returned before they began. Bounded: of
    each topic at least the newest `per_topic` are kept, or what fits into `most_bytes` for all topics together; what
    has to make way is, within a topic, the oldest, and among all topics what would expire soonest.
    """

    async def append(self, broadcast: KeptBroadcast) -> None:
        """Store it. Idempotent by topic and id: the first one stays. Raises OSError when the disk refuses."""
        ...

    async def newest(
        self, topic: int, limit: int, *, now_ms: float, since: int = 0, below: int = END_OF_IDS
    ) -> Sequence[KeptBroadcast]:
        """The newest `limit` with `since` ≤ id < `below` that have not expired at `now_ms`, oldest first."""
        ...

    async def prune(self, now_ms: float) -> int:
        """Forget some that have expired; answers how many. A store may do so by itself, too."""
        ...
