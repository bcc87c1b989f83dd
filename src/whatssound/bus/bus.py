"""Bus: short-lived facts between nodes (typing, reactions, counts), at most once."""

from collections.abc import Callable
from typing import Protocol

from whatssound.bus.log import Subscription


class Bus(Protocol):
    """Publish and subscribe by topic.

    At most once, nothing is kept. Messages of one sender on one topic arrive in the order they were published.
    """

    def publish(self, topic: str, message: bytes) -> None:
        """Hand `message` to every subscriber of `topic`, here and on other nodes. Never blocks, never raises."""
        ...

    def subscribe(self, topic: str, on_message: Callable[[bytes], None]) -> Subscription:
        """Call `on_message` for each message published to `topic` from now on. It must not block or raise."""
        ...
