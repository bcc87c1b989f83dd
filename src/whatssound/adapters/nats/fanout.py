"""Several listeners of one subject in this process: one subscription at the server, one message over the wire."""

from collections.abc import Callable
from typing import Generic, TypeVar

from nats.aio.msg import Msg

from whatssound.adapters.nats.connection import Interest, NatsConnection

T = TypeVar("T")


class Listener(Generic[T]):
    """One callback; `close` stops it at once."""

    __slots__ = ("_shared", "on_item")

    def __init__(self, shared: "_Shared[T]", on_item: Callable[[T], None]) -> None:
        self._shared = shared
        self.on_item = on_item

    def close(self) -> None:
        """Stop at once; closing twice is harmless."""
        self._shared.remove(self)


class _Shared(Generic[T]):
    """All listeners of one subject."""

    __slots__ = ("_fanout", "interest", "listeners", "subject")

    def __init__(self, fanout: "Fanout[T]", subject: str) -> None:
        self._fanout = fanout
        self.subject = subject
        self.listeners: tuple[Listener[T], ...] = ()
        self.interest: Interest | None = None

    def remove(self, listener: Listener[T]) -> None:
        self.listeners = tuple(other for other in self.listeners if other is not listener)
        if not self.listeners:
            self._fanout.forget(self)


class Fanout(Generic[T]):
    """Listeners by subject. `read` makes of a message what they are called with, once for all of them."""

    def __init__(self, connection: NatsConnection, read: Callable[[Msg], T | None]) -> None:
        self._connection = connection
        self._read = read
        self._subjects: dict[str, _Shared[T]] = {}
        self.delivered = 0
        """Calls of a listener."""

    def __len__(self) -> int:
        return len(self._subjects)

    def add(self, subject: str, on_item: Callable[[T], None]) -> Listener[T]:
        """Call `on_item` for what is sent to `subject` from now on, after those that were added earlier."""
        shared = self._subjects.get(subject)
        if shared is None:
            shared = self._subjects[subject] = _Shared(self, subject)
            shared.interest = self._connection.listen(subject, lambda message: self._deliver(shared, message))
        listener = Listener(shared, on_item)
        shared.listeners = (*shared.listeners, listener)
        return listener

    def forget(self, shared: _Shared[T]) -> None:
        """Nobody here listens to the subject any more."""
        if self._subjects.get(shared.subject) is shared:
            del self._subjects[shared.subject]
        if shared.interest is not None:
            shared.interest.close()

    def _deliver(self, shared: _Shared[T], message: Msg) -> None:
        item = self._read(message)
        if item is None:
            return
        for listener in shared.listeners:
            if listener in shared.listeners:
                self.delivered += 1
                listener.on_item(item)
