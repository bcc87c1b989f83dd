"""Whose a connection is, by its first bytes, which stay where they are."""

import asyncio
import re
import socket
import time
from collections.abc import Callable
from typing import Final, NamedTuple

HEAD_BYTES: Final = 64 * 1024
"""As much of a request's head is looked at, which is as much as one may have."""

HEAD_S: Final = 30.0
"""How long it may take to say enough; browsers open spare connections. The same as for HTTP elsewhere."""

WAITING: Final = 4_096
"""Connections that have not said enough yet; one more, and the one that has waited longest is closed."""

_LOOK_EVERY_S: Final = 1.0

_UPGRADE: Final = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_CONNECTION: Final = re.compile(rb"\r\nconnection:[^\r\n]*\bupgrade\b", re.IGNORECASE)


class Upgrades:
    """Tells upgrades to one of `paths`, with or without `public_path` before it, from everything else. Pure."""

    def __init__(self, paths: tuple[str, ...], public_path: str) -> None:
        self._lines = [f"GET {before}{path}".encode() for path in paths for before in {"", public_path}]

    def has(self, head: bytes) -> bool | None:
        """Whether the request that begins with `head` is one of them; None while that cannot be told."""
        line = next((line for line in self._lines if head[: len(line)] == line[: len(head)]), None)
        if line is None or head[len(line) : len(line) + 1] not in (b"", b" ", b"?"):
            return False
        end = head.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = head[: end + 2]
        return _UPGRADE.search(head) is not None and _CONNECTION.search(head) is not None


class PeekingStatistics(NamedTuple):
    """How connections were told apart."""

    waiting: int
    """Have not said enough yet."""
    closed_silent: int
    """Closed because they did not in time."""
    closed_for_room: int
    """Closed because too many others waited too."""


class Peeking:
    """Looks at each connection until it is clear whose it is; then it is `here`'s or `there`'s to close."""

    def __init__(
        self,
        is_here: Callable[[bytes], bool | None],
        *,
        here: Callable[[socket.socket], None],
        there: Callable[[socket.socket], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_here = is_here
        self._here = here
        self._there = there
        self._now_s = now_s
        self._waiting: dict[socket.socket, tuple[float, int]] = {}
        """Until when, and how many bytes were there; in the order of their coming."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed_silent = self._closed_for_room = 0

    def take(self, connection: socket.socket) -> None:
        """Look at a new connection."""
        connection.setblocking(False)
        self._look(connection, before=0)

    def close(self) -> None:
        """Close those that have not said enough."""
        for connection in tuple(self._waiting):
            self._close(connection)
        if self._timer is not None:
            self._timer.cancel()

    def statistics(self) -> PeekingStatistics:
        """How it goes."""
        return PeekingStatistics(len(self._waiting), self._closed_silent, self._closed_for_room)

    def _look(self, connection: socket.socket, *, before: int) -> None:
        try:
            head = connection.recv(HEAD_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            self._wait(connection, 0)
            return
        except OSError:
            head = b""
        verdict = self._is_here(head) if len(head) < HEAD_BYTES else False
        if not head:
            self._close(connection)
        elif verdict is None and len(head) > before:
            self._wait(connection, len(head))
        else:
            self._forget(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            (self._here if verdict else self._there)(connection)

    def _wait(self, connection: socket.socket, size: int) -> None:
        """Look again once there is more: the kernel is told, or it would wake us for what was seen already."""
        until_s, _ = self._waiting.get(connection, (self._now_s() + HEAD_S, 0))
        new = connection not in self._waiting
        if new and len(self._waiting) >= WAITING:
            self._closed_for_room += 1
            self._close(next(iter(self._waiting)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size + 1)
        self._waiting[connection] = (until_s, size)
        if new:
            asyncio.get_running_loop().add_reader(connection.fileno(), self._more, connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._check)

    def _more(self, connection: socket.socket) -> None:
        self._look(connection, before=self._waiting[connection][1])

    def _forget(self, connection: socket.socket) -> None:
        if self._waiting.pop(connection, None) is not None:
            asyncio.get_running_loop().remove_reader(connection.fileno())

    def _close(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _check(self) -> None:
        """Close those whose time is over; the oldest come first."""
        now_s, self._timer = self._now_s(), None
        for connection, (until_s, _) in tuple(self._waiting.items()):
            if until_s > now_s:
                self._timer = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._check)
                return
            self._closed_silent += 1
            self._close(connection)
