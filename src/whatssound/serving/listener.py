"""The listening socket, or the advice that leads to one."""

import errno
import socket

from whatssound.config import StartError

BACKLOG = 2_048
"""Connections that may wait to be accepted: everybody who comes back at once after a restart."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to `host:port` (port 0: a free one). Raises StartError when that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except socket.gaierror as problem:
        raise StartError(f"{host} is not an address of this computer. Give another one with --host.") from problem
    except OSError as problem:
        raise StartError(_bind_advice(problem, host, port)) from problem
    listener.listen(BACKLOG)
    return listener


def _bind_advice(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Stop the program that uses it, or choose another port with --port."
    if problem.errno == errno.EACCES:
        return f"Port {port} needs administrator rights. Choose one above 1023 with --port."
    return f"Cannot listen on {host}:{port}: {problem.strerror}. Choose another with --host and --port."
