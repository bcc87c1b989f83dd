"""A process that has loaded WhatsSound and forks servers: to load takes longer than all else that a start does.

The forks run `whatssound …` from its first line on; what another Python would see (its own command line, `PYTHON…`
variables, an empty `sys.modules`) they do not have. So who tests those starts a program.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import IO, Any

LOADED = (
    "whatssound.cli",
    "whatssound.cli.commands",
    "whatssound.cli.serve",
    "whatssound.cli.people",
    "whatssound.serving.run",
    "whatssound.serving.supervisor",
    "whatssound.adapters.sql.migrations.steps",
    "aiosqlite",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.loops.uvloop",
)
LONGEST_REQUEST = 64 * 1024


class Forked:
    """A running fork, with what is used of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: IO[str], ended: socket.socket) -> None:
        self.pid = pid
        self.stdout = stdout
        self._ended = ended
        self._handle = os.pidfd_open(pid)
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Does nothing once it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(timeout=0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, that of a signal negative. Raises subprocess.TimeoutExpired."""
        if self._status is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("whatssound", timeout or 0)
            self._status = os.waitstatus_to_exitcode(int(self._ended.recv(16) or b"9"))
            self._ended.close()
            os.close(self._handle)
        return self._status


def forked(arguments: Sequence[str], *, environment: Mapping[str, str], errors: IO[str]) -> Forked:
    """Run `whatssound` with these arguments; its standard error goes to the file `errors`."""
    line = _nursery()
    read, write = os.pipe()
    ended, its = socket.socketpair()
    with its, os.fdopen(write, "w") as out:
        request = json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode()
        socket.send_fds(line, [request], [out.fileno(), errors.fileno(), its.fileno()])
    return Forked(int(ended.recv(16)), os.fdopen(read), ended)


@cache
def _nursery() -> socket.socket:
    """The line to this run's nursery, which ends when the line is closed."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen([sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def main() -> None:
    """Load everything, then fork on request. In a fork this runs the command, and returns nowhere."""
    line = socket.socket(fileno=int(sys.argv[1]))
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    children: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready in select.select([line, *children], [], [])[0]:
            if ready is not line:
                pid, told = children.pop(ready)
                os.close(ready)
                _tell(told, os.waitpid(pid, 0)[1])
            elif not _fork(line, children):
                return


def _fork(line: socket.socket, children: dict[int, tuple[int, socket.socket]]) -> bool:
    """Serve one request; False when there will be no more."""
    request, descriptors, _, _ = socket.recv_fds(line, LONGEST_REQUEST, 3)
    if not request:
        return False
    out, errors, ended = descriptors
    pid = os.fork()
    if pid == 0:
        line.close()
        for descriptor, (_, told) in children.items():
            os.close(descriptor)
            told.close()
        os.dup2(out, 1)
        os.dup2(errors, 2)
        for descriptor in descriptors:
            os.close(descriptor)
        _run(json.loads(request))
    os.close(out)
    os.close(errors)
    told = socket.socket(fileno=ended)
    told.send(str(pid).encode())
    children[os.pidfd_open(pid)] = (pid, told)
    return True


def _tell(told: socket.socket, status: int) -> None:
    with told, contextlib.suppress(OSError):  # who asked for it is gone
        told.send(str(status).encode())


def _run(request: dict[str, Any]) -> None:
    cli = sys.modules["whatssound.cli"]
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["whatssound", *request["arguments"]]
    cli.main()
    sys.exit()


if __name__ == "__main__":
    main()
