"""What goes on on the realtime topics of a process, and how much of it is too much."""

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from whatssound.config import Limits
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.meter import RollingRate

TOO_MANY_MESSAGES: Final = "Too many messages per second"
COME_BACK_MS: Final = 5_000
"""When who was refused may try again: the averages move every 5 s."""


EVENT_BYTES: Final = 64 * 1024
"""A broadcast that is longer counts as several: with 100 a second, 6.5 MB a second from one socket."""


def events_in(size_bytes: int) -> int:
    """As how many events a payload counts against who sends it."""
    return 1 + size_bytes // EVENT_BYTES


class LoadStatistics(NamedTuple):
    """The averages of the last minute, and who is here now."""

    events_per_second: float
    """Messages sent and deliveries of them."""
    joins_per_second: float
    bytes_per_second: float
    """Payloads that clients sent."""
    users: int
    """Sockets with a realtime topic."""


class Load:
    """Counts, and refuses what is over the limits of `Limits`, whose names begin with `realtime_`; 0 is no limit.

    Of this process alone: with several processes each takes so much. `now_s` is a monotonic clock.
    """

    def __init__(self, limits: Limits, *, now_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = now_s
        self._events = RollingRate()
        self._joins = RollingRate()
        self._bytes = RollingRate()
        self._users: dict[Hashable, int] = {}

    def enter(self, user: Hashable) -> None:
        """Count a join of one socket; `leave` gives its place back. Raises RealtimeRefusal, and then it has none."""
        most, now_s = self._limits.realtime_users, self._now_s()
        if most and user not in self._users and len(self._users) >= most:
            raise _refused("ConnectionRateLimitReached: Too many connected users")
        if not self._joins.fits(1, self._limits.realtime_joins_per_second, now_s):
            raise _refused("ClientJoinRateLimitReached: Too many joins per second", ends_socket=True)
        self._joins.add(1, now_s)
        self._users[user] = self._users.get(user, 0) + 1

    def leave(self, user: Hashable) -> None:
        """Give back what `enter` took."""
        left = self._users.get(user, 0) - 1
        if left > 0:
            self._users[user] = left
        else:
            self._users.pop(user, None)

    def send(self, size_bytes: int, messages: int = 1) -> None:
        """Count messages of a client with so many bytes in all. Raises RealtimeRefusal, and then they do not count."""
        now_s = self._now_s()
        if not self._events.fits(messages, self._limits.realtime_events_per_second, now_s):
            reason = f"MessagePerSecondRateLimitReached: {TOO_MANY_MESSAGES}"
            raise _refused(reason, ends_topic=self._limits.realtime_close_when_over)
        if not self._bytes.fits(size_bytes, self._limits.realtime_bytes_per_second, now_s):
            raise _refused("MessagePerSecondRateLimitReached: Too many bytes per second")
        self._events.add(messages, now_s)
        self._bytes.add(size_bytes, now_s)

    def delivered(self, count: int) -> None:
        """Count what went to so many channels."""
        self._events.add(count, self._now_s())

    def is_over(self) -> bool:
        """Whether more events went on than may, and those who hear them are to be sent away for it."""
        limits = self._limits
        return limits.realtime_close_when_over and not self._events.fits(
            0, limits.realtime_events_per_second, self._now_s()
        )

    def require_size(self, size_bytes: int) -> None:
        """Raises RealtimeRefusal for a payload that is larger than a broadcast may be."""
        if size_bytes > self._limits.realtime_payload_bytes:
            most = self._limits.realtime_payload_bytes
            raise RealtimeRefusal("too_large", f"A payload has at most {most} bytes.", error="payload_size_exceeded")

    def statistics(self) -> LoadStatistics:
        """What goes on now."""
        now_s = self._now_s()
        rates = (rate.per_second(now_s) for rate in (self._events, self._joins, self._bytes))
        return LoadStatistics(*rates, users=len(self._users))


def _refused(reason: str, *, ends_socket: bool = False, ends_topic: bool = False) -> RealtimeRefusal:
    return RealtimeRefusal(
        "rate_limited", reason, retry_after_ms=COME_BACK_MS, ends_socket=ends_socket, ends_topic=ends_topic
    )
