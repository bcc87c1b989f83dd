"""Which sockets may be written to without a detour: by descriptor, for a whole process."""

import asyncio
import socket
from typing import Final, Protocol, cast

from whatssound.gateway.burst import Burst

NO_LANE: Final = -1

UNSENT_BYTES: Final = 128 * 1024
"""Linux would take 2.6 MB for a client that reads nothing before anybody notices: with a thousand of them, 2.6 GB."""


class Outlet(Protocol):
    """Where the bursts for one socket go; implemented by `Outbox`."""

    @property
    def fd(self) -> int:
        """The socket's descriptor, or `NO_LANE`."""
        ...

    def take(self, burst: Burst, /) -> None:
        """Send it, or put it in line."""
        ...

    def take_rest(self, burst: Burst, sent: int, /) -> None:
        """Send what the system did not take of a burst that was written past everything."""
        ...


class Lanes:
    """`free[fd]` is the outlet whose socket `fd` is, while it holds nothing back and its transport nothing either.

    Walking from a crowd through a channel, a session and an outbox to a transport costs a microsecond of cache misses a
    socket; a send is eight. So a crowd that finds its outlet here writes to the descriptor. It compares the outlet, not
    a flag: a descriptor that the system gave to somebody else never matches.
    """

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free: list[Outlet | None] = [None]

    def clear(self, outlet: Outlet) -> None:
        """Nothing stands before the outlet's socket."""
        fd = outlet.fd
        if fd >= len(self.free):
            self.free.extend([None] * (fd + 1 - len(self.free)))
        if fd != NO_LANE:
            self.free[fd] = outlet

    def block(self, outlet: Outlet) -> None:
        """Something does, or its socket is at its end."""
        fd = outlet.fd
        if fd < len(self.free) and self.free[fd] is outlet:
            self.free[fd] = None


def lane_of(transport: asyncio.Transport) -> int:
    """The descriptor that may be written to in the transport's place while that holds nothing; `NO_LANE` over TLS.

    Good until `connection_lost`, which transports call before they give the descriptor back.
    """
    under = _under(transport)
    return NO_LANE if under is None or transport.get_extra_info("sslcontext") is not None else under.fileno()


def bound_unsent(transport: asyncio.Transport) -> None:
    """Let the system hold at most `UNSENT_BYTES` that its peer has no room for, where it can be told so."""
    under, option = _under(transport), cast("int | None", getattr(socket, "TCP_NOTSENT_LOWAT", None))
    if under is not None and option is not None and under.family in (socket.AF_INET, socket.AF_INET6):
        under.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def _under(transport: asyncio.Transport) -> socket.socket | None:
    return cast("socket.socket | None", transport.get_extra_info("socket"))
