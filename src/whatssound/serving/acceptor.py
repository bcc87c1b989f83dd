"""Takes connections from listening sockets: a process's own, and those of processes that are away."""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import structlog

AT_ONCE: Final = 16
"""Connections taken from one socket before the loop does something else."""

FULL: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

FULL_PAUSE_S: Final = 1.0
"""How long no connection is taken when the system has no descriptor or memory left; asyncio's own figure."""


class AcceptorStatistics(NamedTuple):
    """What came in by this process."""

    accepted: int
    covered: int
    """Of those, from sockets of processes that were away."""
    pauses: int
    """Times the system had no descriptor or memory left."""


class Acceptor:
    """Gives every connection to `take`, whose it is then."""

    def __init__(self, listeners: Sequence[socket.socket], own: int, take: Callable[[socket.socket], None]) -> None:
        self._listeners = listeners
        self._own = own
        self._take = take
        self._open: set[int] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._accepted = self._covered = self._pauses = 0
        for listener in listeners:
            listener.setblocking(False)

    def start(self) -> None:
        """Begin with the own socket."""
        self.cover(())

    def cover(self, others: Sequence[int]) -> None:
        """Take from these sockets too, and from no other than these and the own one."""
        wanted = {self._own, *others}
        for index in self._open - wanted:
            asyncio.get_running_loop().remove_reader(self._listeners[index].fileno())
        for index in wanted - self._open:
            asyncio.get_running_loop().add_reader(self._listeners[index].fileno(), self._readable, index)
        self._open = wanted

    def close(self) -> None:
        """Take no more, and let go of every listening socket. Closing twice is harmless."""
        if self._pause is not None:
            self._pause.cancel()
        for index in self._open:
            asyncio.get_running_loop().remove_reader(self._listeners[index].fileno())
        self._open = set()
        for listener in self._listeners:
            listener.close()

    def statistics(self) -> AcceptorStatistics:
        """What came in."""
        return AcceptorStatistics(self._accepted, self._covered, self._pauses)

    def _readable(self, index: int) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._listeners[index].accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as problem:
                if problem.errno in FULL:
                    self._wait(problem)
                return
            self._accepted += 1
            self._covered += index != self._own
            self._take(connection)

    def _wait(self, problem: OSError) -> None:
        """The sockets stay readable: without a pause the loop would do nothing else."""
        if self._pause is None:
            structlog.get_logger().error("no connection can be taken", problem=problem.strerror)
            self._pauses += 1
            resting = sorted(self._open)
            for index in resting:
                asyncio.get_running_loop().remove_reader(self._listeners[index].fileno())
            self._open = set()
            self._pause = asyncio.get_running_loop().call_later(FULL_PAUSE_S, self._go_on, resting)

    def _go_on(self, resting: Sequence[int]) -> None:
        self._pause = None
        self.cover(resting)
