"""Many who ask the same at once cost one query."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Group = TypeVar("Group", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Group, Key, Value]):
    """Shares one running read among all who ask for the same key of a group meanwhile.

    Nobody shares a read that began before the newest `forget` of its group; an error goes to all who shared.
    A caller that gives up does not end the read for the others.
    """

    def __init__(self) -> None:
        self._running: dict[Group, dict[Key, asyncio.Task[Value]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._running.values()))

    async def get(self, group: Group, key: Key, read: Callable[[], Awaitable[Value]]) -> Value:
        """The running read's answer, or that of `read`, started now."""
        running = self._running.setdefault(group, {})
        task = running.get(key)
        if task is None:
            task = running[key] = asyncio.ensure_future(_awaited(read))
            task.add_done_callback(lambda done: self._finish(group, key, done))
        return await asyncio.shield(task)

    def forget(self, group: Group) -> None:
        """Whoever asks for a key of `group` from now on starts a read of their own."""
        self._running.pop(group, None)

    def forget_all(self) -> None:
        """As `forget`, for every group."""
        self._running.clear()

    def _finish(self, group: Group, key: Key, done: "asyncio.Task[Value]") -> None:
        running = self._running.get(group, {})
        if running.get(key) is done:
            del running[key]
            if not running:
                del self._running[group]
        if not done.cancelled():
            done.exception()  # marks it as seen, when every caller has given up meanwhile


async def _awaited(read: Callable[[], Awaitable[Value]]) -> Value:
    return await read()
