"""What ours is measured beside: the limit and the peers, each with a crowd of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crowd.cost import cpu_s
from crowd.listeners import Listeners, marked
from crowd.multitude import Multitude

HERE = Path(__file__).parent
WEBSOCKETS = [sys.executable, str(HERE / "websockets_peer.py")]
CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@latest"


@dataclass
class Served:
    """A server with its crowd; `say(text)` sends to all of them."""

    name: str
    pid: int
    listeners: Listeners | Multitude
    say: Callable[[str], object]
    said: int = 0
    walls_ms: list[float] = field(default_factory=list)

    def cost_us(self, messages: int, size: int) -> float:
        """CPU of one send, in µs: `messages` are said one after another, each when everybody has the one before."""
        before = cpu_s(self.pid)
        for _ in range(messages):
            self.said += 1
            self.say(marked(self.said, size))
            self.walls_ms.append(self.listeners.until(self.said))
        return (cpu_s(self.pid) - before) * 1e6 / messages / self.listeners.count


@contextmanager
def bare(programs: Path, count: int) -> Iterator[Served]:
    """The limit: `send()` in a loop."""
    command = [str(programs / "bare"), str(count)]
    with spoken_to(command) as (process, port), Listeners(programs, port, count, path="-") as listeners:
        assert _line(process) == "ready"
        yield Served("bare C", process.pid, listeners, lambda text: _say(process, text))


@contextmanager
def websockets(programs: Path, count: int) -> Iterator[Served]:
    """PyPI's `websockets`."""
    with spoken_to(WEBSOCKETS) as (process, port), Listeners(programs, port, count, path="/") as listeners:
        yield Served("websockets", process.pid, listeners, lambda text: _say(process, text))


@contextmanager
def npm_ws(programs: Path, count: int) -> Iterator[Served]:
    """npm's `ws`, installed for the bench."""
    with _npm("ws@8", "ws.mjs") as (process, port), Listeners(programs, port, count, path="/") as listeners:
        yield Served("npm ws", process.pid, listeners, lambda text: _say(process, text))


@contextmanager
def socket_io(programs: Path, count: int) -> Iterator[Served]:
    """npm's `socket.io`, installed for the bench; over WebSocket alone."""
    path = "/socket.io/?EIO=4&transport=websocket"
    with (
        _npm("socket.io@4", "socketio.mjs") as (process, port),
        Listeners(programs, port, count, path=path, join="40", joined="40{") as listeners,
    ):
        yield Served("socket.io", process.pid, listeners, lambda text: _say(process, text))


@contextmanager
def _npm(package: str, script: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", package], cwd=folder, check=True)
        shutil.copy(HERE / script, folder)
        with spoken_to(["node", str(Path(folder) / script)]) as spoken:
            yield spoken


@contextmanager
def centrifugo(programs: Path, count: int) -> Iterator[Served]:
    """Centrifugo, built once and kept in Go's own folder for programs."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(_centrifugo_config(port)))
        command = [str(built_centrifugo()), "--config", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until_open(port)
            join = '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}'
            path = "/connection/websocket"
            with Listeners(programs, port, count, path=path, join=join, joined='"id":2') as listeners:
                yield Served("Centrifugo", process.pid, listeners, lambda text: _publish(port, text))
        finally:
            process.terminate()
            process.wait()


def _centrifugo_config(port: int) -> dict[str, object]:
    return {
        "http_server": {"address": "127.0.0.1", "port": str(port)},
        "http_api": {"insecure": True},
        "client": {
            "insecure": True,
            "allow_anonymous_connect_without_token": True,
            "ping_interval": "10m",
            "pong_timeout": "9m",
        },
        "channel": {"without_namespace": {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}},
        "log": {"level": "error"},
    }


def built_centrifugo() -> Path:
    """Its program; compiled from the Go module proxy when it is not there, which takes minutes."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "whatssound-bench"
    program = folder / "centrifugo"
    if not program.exists():
        go = {"GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
        subprocess.run(["nice", "go", "install", CENTRIFUGO], env={**os.environ, **go}, check=True)
    return program


def _publish(port: int, text: str) -> None:
    body = json.dumps({"channel": "room", "data": {"text": text}}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/publish", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        problem = json.load(answer).get("error")
    assert problem is None, problem


@contextmanager
def spoken_to(command: list[str]) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A server that prints its port and then sends what it reads."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(_line(process))
        finally:
            process.kill()


def _say(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()
    assert _line(process) == "sent"


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def _until_open(port: int) -> None:
    for _ in range(200):
        with socket.socket() as knocking:
            if not knocking.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    sys.exit("a peer did not start")
