"""One listener: a socket, its state, and what it was told."""

import socket
from array import array
from enum import Enum, auto

from load.frames import Position


class State(Enum):
    """Where it is on its way into the room."""

    AWAY = auto()
    """Not connected; a timer brings it back."""
    CONNECTING = auto()
    UPGRADING = auto()
    JOINING = auto()
    LIVE = auto()


class Listener:
    """Kept small: there are ten thousand in a process."""

    __slots__ = ("codes", "last", "number", "position", "rest", "slow", "sock", "state", "token", "tries")

    def __init__(self, number: int, token: str, *, slow: bool) -> None:
        self.number = number
        self.token = token
        self.slow = slow
        """It reads a little now and then."""
        self.state = State.AWAY
        self.sock: socket.socket | None = None
        self.rest = b""
        """The beginning of a frame, or of the answer to the handshake."""
        self.tries = 0
        self.codes = array("i")
        self.position: Position | None = None
        """Where the last join stood; None before the first."""
        self.last = -1
        """The event that came last after that join, or -1."""
