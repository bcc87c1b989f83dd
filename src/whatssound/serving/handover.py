"""Connections that go to the owner process: given away in a gateway process, taken over there."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from whatssound.serving.line import received

WAITING: Final = 1_024
"""Connections that wait until the owner process has read those before; more are refused."""

AT_ONCE: Final = 16
"""Connections taken over before the loop does something else."""


class HandoverStatistics(NamedTuple):
    """Connections that were not for a gateway process."""

    given: int
    refused: int
    """The owner process was away or had too many to take over."""
    waiting: int


class GivingAway:
    """A gateway process's side. Who cannot be given away goes to `refuse`, whose it is then.

    Bytes that a client has sent stay in the kernel and go along. The owner process is away from the end of one peer
    until the next one comes.
    """

    def __init__(self, refuse: Callable[[socket.socket], None]) -> None:
        self._refuse = refuse
        self._peer: socket.socket | None = None
        self._waiting: deque[socket.socket] = deque()
        self._given = self._refused = 0

    @property
    def has_peer(self) -> bool:
        """Whether the owner process is there."""
        return self._peer is not None

    def meet(self, peer: socket.socket) -> None:
        """From now on to this one."""
        self.close()
        peer.setblocking(False)
        self._peer = peer
        asyncio.get_running_loop().add_reader(peer.fileno(), self.close)  # it never says anything but its end

    def give(self, connection: socket.socket) -> None:
        """Give one away, after those that wait."""
        if self._peer is None or len(self._waiting) >= WAITING:
            self._turn_away(connection)
            return
        self._waiting.append(connection)
        if len(self._waiting) == 1:
            self._send()

    def close(self) -> None:
        """The peer is gone, or we are; those that wait are refused."""
        peer, self._peer = self._peer, None
        if peer is not None:
            asyncio.get_running_loop().remove_reader(peer.fileno())
            asyncio.get_running_loop().remove_writer(peer.fileno())
            peer.close()
        while self._waiting:
            self._turn_away(self._waiting.popleft())

    def statistics(self) -> HandoverStatistics:
        """How many went where."""
        return HandoverStatistics(self._given, self._refused, len(self._waiting))

    def _send(self) -> None:
        while self._waiting and self._peer is not None:
            try:
                socket.send_fds(self._peer, [b"."], [self._waiting[0].fileno()])
            except BlockingIOError:
                asyncio.get_running_loop().add_writer(self._peer.fileno(), self._send)
                return
            except OSError:
                self.close()
                return
            self._given += 1
            self._waiting.popleft().close()
        if self._peer is not None:
            asyncio.get_running_loop().remove_writer(self._peer.fileno())

    def _turn_away(self, connection: socket.socket) -> None:
        self._refused += 1
        self._refuse(connection)


class TakingOver:
    """The owner process's side: connections from each gateway process, as if accepted here."""

    def __init__(self, take: Callable[[socket.socket], None]) -> None:
        self._take = take
        self._peers: dict[int, socket.socket] = {}
        self._changed = asyncio.Event()

    @property
    def peers(self) -> set[int]:
        """The gateway processes that are there."""
        return set(self._peers)

    def meet(self, index: int, peer: socket.socket) -> None:
        """Take over from this one too; it replaces an earlier one of the same process."""
        self._leave(index)
        peer.setblocking(False)
        self._peers[index] = peer
        asyncio.get_running_loop().add_reader(peer.fileno(), self._readable, index)

    async def all_gone(self, within_s: float) -> None:
        """Return when no gateway process is left, or after `within_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._peers:
                    self._changed.clear()
                    await self._changed.wait()

    def close(self) -> None:
        """Take over from nobody any more."""
        for index in tuple(self._peers):
            self._leave(index)

    def _readable(self, index: int) -> None:
        for _ in range(AT_ONCE):
            try:
                data, descriptors = received(self._peers[index], 1)
            except BlockingIOError:
                return
            if not data:
                self._leave(index)
                return
            for descriptor in descriptors:
                self._take(socket.socket(fileno=descriptor))

    def _leave(self, index: int) -> None:
        peer = self._peers.pop(index, None)
        if peer is not None:
            asyncio.get_running_loop().remove_reader(peer.fileno())
            peer.close()
        self._changed.set()
