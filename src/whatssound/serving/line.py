"""The line between the supervisor and one of its processes: whole messages, some with a descriptor.

A socket pair of the kind that keeps messages apart. Each side learns by its end that the other one is gone, and nothing
has a name in the file system.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from whatssound.config import Config

MESSAGE_BYTES: Final = 128 * 1024
"""Largest message; the settings and a greeting take a few KB."""


class Start(msgspec.Struct, tag="start", frozen=True):
    """The first message to a process: what it is and what it inherited."""

    config: Config
    """With the port that it got."""
    index: int
    """Which of `listeners` is its own; the owner process is 0."""
    listeners: tuple[int, ...]
    """Descriptors of every process's listening socket, by index."""
    lock: int
    """A descriptor that holds the data folder's lock."""
    nats: tuple[str, ...]
    server: str
    """What the whole server is called on the bus, from its start to its end."""
    first: bool
    """Whether the whole server starts, and people will be greeted."""


class Peer(msgspec.Struct, tag="peer", frozen=True):
    """Carries a descriptor: one end of a pair to the process of that index, for connections to be handed over."""

    index: int


class Cover(msgspec.Struct, tag="cover", frozen=True):
    """Take connections from these listening sockets too, whose processes are away; what was said before is replaced."""

    listeners: tuple[int, ...]


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The process answers; `greeting` is for people, from the owner process at the first start."""

    greeting: str = ""


class Alive(msgspec.Struct, tag="alive", frozen=True):
    """The process still answers; said again and again, from its event loop."""


class Restarts(msgspec.Struct, tag="restarts", frozen=True):
    """How often processes were started again, for the figures that the owner process shows.

    Counted since the supervisor started; `hung` of them did not answer and were killed.
    """

    restarted: int = 0
    hung: int = 0


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The process cannot start, and why: a sentence with advice."""

    message: str


Message = Start | Peer | Cover | Ready | Alive | Restarts | Failed


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a new line."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Line:
    """One end. Messages arrive in order; `on_end` is called once, when the other side is gone."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def send(self, message: Message, *descriptors: int) -> bool:
        """Send; the descriptors stay open here. False when the other side is gone or has not read for long."""
        try:
            socket.send_fds(self._end, [msgspec.json.encode(message, enc_hook=str)], descriptors)
        except OSError:
            return False
        return True

    def keep_saying(self, message: Message, every_s: float) -> None:
        """Send it now and every `every_s` until the line is closed; what finds no room is not sent later."""
        if self._end.fileno() >= 0:
            self.send(message)
            asyncio.get_running_loop().call_later(every_s, self.keep_saying, message, every_s)

    def first(self) -> Message:
        """Wait for a message, before there is an event loop. Raises EOFError when the other side is gone."""
        self._end.setblocking(True)
        data = self._end.recv(MESSAGE_BYTES)
        self._end.setblocking(False)
        if not data:
            raise EOFError
        return decoded(data)

    async def spoken_to(self) -> None:
        """Return once there is something to read; before `listen`."""
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._end.fileno(), there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(self._end.fileno())

    def listen(self, on_message: Callable[[Message, list[int]], None], on_end: Callable[[], None]) -> None:
        """Call `on_message` with each message and the descriptors that came with it, which are the receiver's then."""

        def readable() -> None:
            with contextlib.suppress(BlockingIOError):
                data, descriptors = received(self._end, MESSAGE_BYTES)
                if data:
                    on_message(decoded(data), descriptors)
                else:
                    self.close()
                    on_end()

        asyncio.get_running_loop().add_reader(self._end.fileno(), readable)

    def close(self) -> None:
        """Hang up. Closing twice is harmless."""
        if self._end.fileno() >= 0:
            with contextlib.suppress(RuntimeError):  # no loop: it was never listened to
                asyncio.get_running_loop().remove_reader(self._end.fileno())
            self._end.close()


def decoded(data: bytes) -> Message:
    """The message. Raises msgspec.ValidationError for one of another version."""
    return msgspec.json.decode(data, type=Message, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


def received(end: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """One message with its descriptors, closed on exec; b"" when the other side is gone. Raises BlockingIOError."""
    try:
        data, descriptors, _flags, _address = socket.recv_fds(end, size, 1, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return b"", []
    return data, descriptors
