"""A real `whatssound serve` for a test: its own process, data folder and port."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from nursery import Forked, forked

PROGRAM = ("-m", "whatssound")
START_DEADLINE_S = 60
_READY = re.compile(rb"^WhatsSound is ready: .*\n", re.MULTILINE)


class ServerProcess:
    """`whatssound serve` on loopback; the port stays the same over restarts.

    With TEST_WORKERS in the environment it has so many processes, unless a test says how many. Tests let a nursery
    fork it, which saves two thirds of what a start costs; a bench starts the program.
    """

    forks: ClassVar[bool] = False

    def __init__(
        self,
        data: Path,
        *arguments: str,
        port: int = 0,
        name: str = "127.0.0.1",
        environment: Mapping[str, str] | None = None,
        outside: str | None = None,
    ) -> None:
        self.outside = outside
        self.data = data
        self.environment = environment or {}
        self.arguments = arguments
        self.port = port
        self.name = name
        self.program: Sequence[str] = PROGRAM
        self.owner_code: str | None = None
        self.said = ""
        self.errors = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[str] | Forked | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where people find it: through a proxy, or by a `name` that only their browser can resolve."""
        return self.outside or f"http://{self.name}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return once it answers; raises AssertionError with its own words when it does not."""
        with self.errors.open("a") as errors:
            self._process = self._started(errors)
        assert self._process.stdout is not None
        self.said = _until_ready(self._process.stdout, deadline_s=START_DEADLINE_S)
        for line in self.said.splitlines():
            if "#owner=" in line:
                self.owner_code = line.strip().rpartition("#owner=")[2]
            if line.startswith("WhatsSound is ready: "):
                self.port = int(line.strip().rpartition(":")[2])
                return
        raise AssertionError(f"the server did not start:\n{self.errors.read_text()}")

    def _started(self, errors: IO[str]) -> "subprocess.Popen[str] | Forked":
        command = ["serve", "--port", str(self.port), "--data", str(self.data), *self.arguments]
        return self._run(self.program, command, errors)

    def _run(self, program: Sequence[str], command: Sequence[str], errors: IO[str]) -> "subprocess.Popen[str] | Forked":
        if self.forks and program == PROGRAM and "PYTHONPATH" not in self.environment:
            return forked(command, environment=self._environment(), errors=errors)
        return subprocess.Popen(
            [sys.executable, *program, *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=self._environment(),
        )

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self._end(signal.SIGKILL)

    def stop(self, number: str = "SIGINT") -> int:
        """Ctrl-C or another signal, and wait until it is gone; its exit status."""
        return self._end(signal.Signals[number])

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(timeout=20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        """One API request; the decoded answer. Raises ApiProblem for an error status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                raise ApiProblem(problem.code, problem.read(), problem.headers.get("Retry-After")) from None

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WHATSSOUND_")}
        if workers := os.environ.get("TEST_WORKERS"):
            clean["WHATSSOUND_WORKERS"] = workers
        return {**clean, **self.environment, "PYTHONUNBUFFERED": "1"}

    def token(self, role: str, name: str | None = None) -> str:
        """What `whatssound token` prints for this server's data folder."""
        command = ["token", "--role", role, "--data", str(self.data), *(() if name is None else ("--name", name))]
        with self.errors.open("a") as errors:
            process = self._run(PROGRAM, command, errors)
        assert process.stdout is not None
        with process.stdout as said:
            token = said.read().strip()
        assert process.wait(timeout=30) == 0, self.errors.read_text()
        return token

    def guest(self, name: str) -> dict[str, Any]:
        """Tokens of a new guest."""
        return self.call("POST", "/v1/auth/guest", {"name": name})


class ApiProblem(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, body: bytes, retry_after: str | None = None) -> None:
        super().__init__(f"{status}: {body[:500]!r}")
        self.status = status
        self.retry_after = retry_after
        self.body = json.loads(body)


def _until_ready(stream: IO[str], *, deadline_s: float) -> str:
    """What it prints until it announces readiness, the stream ends or the deadline passes."""
    read, end = b"", time.monotonic() + deadline_s
    while (left := end - time.monotonic()) > 0 and not _READY.search(read):
        if not select.select([stream], [], [], left)[0]:
            break
        chunk = os.read(stream.fileno(), 65_536)
        if not chunk:
            break
        read += chunk
    return read.decode()
