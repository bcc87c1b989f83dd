"""Bus: short-lived facts between nodes (typing, reactions, counts), at most once; and questions with a deadline."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from whatssound.bus.log import Subscription


class NoAnswer(Exception):
    """Nobody answers that topic, the one who does failed, the deadline passed, or the bus is not connected.

    Whether the question was acted on is not known: ask again only what is harmless when it happens twice.
    """

    def __init__(self, topic: str, reason: str = "nobody answers") -> None:
        super().__init__(f"{topic}: {reason}")
        self.topic = topic
        self.reason = reason


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """What this process's end of the bus did since it started, and what waits in it now."""

    topics: int
    """Topics that are subscribed to or answered here."""
    published: int
    delivered: int
    """Calls of a subscriber."""
    dropped: int
    """Messages that were not sent or not delivered: no connection, or a bound was reached."""
    requests: int
    unanswered: int
    """Requests that ended in NoAnswer."""
    waiting: int
    """Messages that wait to be sent."""


class Bus(Protocol):
    """Publish and subscribe by topic, ask and answer by topic. A topic is any text.

    At most once, nothing is kept. Messages of one sender on one topic arrive in the order they were published.
    A node that has several subscribers of a topic gets each message once.
    """

    @property
    def largest_bytes(self) -> int:
        """The longest message that gets through."""
        ...

    def publish(self, topic: str, message: bytes) -> bool:
        """Hand `message` to every subscriber of `topic`, here and on other nodes. Never blocks, never raises.

        False when it is known to be lost: it is too long, there is no connection, or too much waits.
        """
        ...

    def subscribe(self, topic: str, on_message: Callable[[bytes], None]) -> Subscription:
        """Call `on_message` for each message published to `topic` from now on. It must not block or raise."""
        ...

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        """Ask whoever answers `topic`, here or on another node, and return what it says. Raises NoAnswer."""
        ...

    def answer(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Subscription:
        """Answer every request on `topic` with what `handler` returns, several at a time if several are asked.

        A topic has one answerer on all nodes together; raises ValueError when this node answers it already. What
        `handler` raises is logged here and is NoAnswer there. Closing lets no new request in; those under way end.
        """
        ...

    async def flush(self) -> None:
        """Return once what was subscribed to here so far hears whatever is published from now on, on any node.

        Raises NoAnswer when the bus is not connected.
        """
        ...

    def statistics(self) -> BusStatistics:
        """What was done and what waits."""
        ...
