"""The listening socket, or the advice that leads to one."""

import errno
import socket

from whatssound.adapters.orphans import once_orphans_are_gone
from whatssound.config import StartError

BACKLOG = 2_048
"""Connections that may wait to be accepted: everybody who comes back at once after a restart."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to `host:port` (port 0: a free one). Raises StartError when that is not possible."""
    return listening_sockets(host, port, 1)[0]


def listening_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """So many sockets that share `host:port`; the kernel spreads connections evenly over them.

    The first is bound alone and shared afterwards, so that a port of somebody else is never shared by mistake.
    Raises StartError when that is not possible.
    """
    found: list[socket.socket] = []
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        for _ in range(count):
            found.append(_bound(family, host, found[0].getsockname()[1] if found else port, shared=bool(found)))
            if count > 1:
                found[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except socket.gaierror as problem:
        raise StartError(f"{host} is not an address of this computer. Give another one with --host.") from problem
    except OSError as problem:
        raise StartError(_bind_advice(problem, host, port)) from problem
    for listener in found:
        listener.listen(BACKLOG)
    return found


def _bound(family: socket.AddressFamily, host: str, port: int, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    once_orphans_are_gone(lambda: listener.bind((host, port)))
    return listener


def _bind_advice(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Stop the program that uses it, or choose another port with --port."
    if problem.errno == errno.EACCES:
        return f"Port {port} needs administrator rights. Choose one above 1023 with --port."
    return f"Cannot listen on {host}:{port}: {problem.strerror}. Choose another with --host and --port."
