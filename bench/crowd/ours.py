"""Ours: a real `whatssound serve` with one room, a crowd in it, and somebody who talks."""

import asyncio
import json
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from clients import SocketClient
from crowd.listeners import Listeners
from crowd.peers import Served
from servers import ServerProcess

HERE = Path(__file__).parent

SAY_ALL = {
    "chat_user_per_10s": 1_000_000,
    "chat_room_per_s": 100_000,
    "socket_events_per_second": 100_000,
    "socket_events_burst": 100_000,
    "realtime_socket_events_per_second": 100_000,
    "realtime_socket_events_burst": 100_000,
    "idle_timeout_s": 3_600,
    "guests_per_minute": 1_000,
}
"""Limits that are in the way of a bench: one person says everything, and nobody beats."""

ROOMY = {**SAY_ALL, "upgrades_per_second": 1_000_000, "upgrades_burst": 1_000_000}
"""The same, and everybody may come at once."""

SOCKETS = 16

Answer = TypeVar("Answer")


class Talker:
    """Says things on a topic, by several sockets in turn: one is answered one thing after another. They live."""

    def __init__(self, server: ServerProcess, topic: str, token: str, *, sockets: int = SOCKETS) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients = [SocketClient(server.url, token) for _ in range(sockets)]
        self._topic = topic
        self._said = 0
        self.run(self._enter())

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do it on the socket's thread; its answer."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def say(self, text: str) -> None:
        """Say it, and return when it is acknowledged. Raises Refused."""
        self.run(self.saying(text))

    join: ClassVar[Mapping[str, Any]] = {}
    """What a join says beside the token."""

    async def saying(self, text: str) -> None:
        """The same, from the socket's thread."""
        client = self._clients[self._said % len(self._clients)]
        self._said += 1
        client.events.clear()
        await self.push(client, text)

    async def push(self, client: SocketClient, text: str) -> None:
        """Say it by one of the sockets."""
        await client.push(self._topic, "chat:send", text=text, nonce=str(self._said))

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            self.run(client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _enter(self) -> None:
        for client in self._clients:
            await client.connect()
            await client.join(self._topic, **self.join)


@dataclass
class House:
    """A server with a room; `talker` has joined it and is one more listener."""

    server: ServerProcess
    room: str
    token: str
    talker: Talker

    def listeners(self, programs: Path, count: int, *, topic: str | None = None, **how: Any) -> Listeners:
        """A crowd in the room, or on another topic."""
        join = json.dumps(["1", "1", topic or f"room:{self.room}", "phx_join", {"access_token": self.token}])
        return Listeners(
            programs,
            self.server.port,
            count,
            path="/socket/websocket?vsn=2.0.0",
            join=join,
            joined='"status":"ok"',
            **how,
        )


@contextmanager
def house(*arguments: str, without_ticks: bool = False, settings: Mapping[str, object] = ROOMY) -> Iterator[House]:
    """A server in a data folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.toml"
        config.write_text("".join(f"{name.replace('_', '-')} = {value}\n" for name, value in settings.items()))
        server = ServerProcess(Path(folder) / "data", "--config", str(config), *arguments)
        if without_ticks:
            server.program = (str(HERE / "without_ticks.py"),)
        with server:
            owner = server.token("owner")
            room = server.call("POST", "/v1/rooms", {"title": "Bench"}, token=owner)["room"]["id"]
            talker = Talker(server, f"room:{room}", owner)
            try:
                yield House(server, room, server.guest("Crowd")["access_token"], talker)
            finally:
                talker.close()


class Program(Talker):
    """Broadcasts on a realtime topic instead, and awaits each acknowledgement."""

    join: ClassVar[Mapping[str, Any]] = {"config": {"broadcast": {"ack": True}}}

    async def push(self, client: SocketClient, text: str) -> None:
        """Send it by one of the sockets."""
        await client.push(self._topic, "broadcast", type="broadcast", event="said", payload={"text": text})


@contextmanager
def realtime(programs: Path, count: int) -> Iterator[Served]:
    """WhatsSound with `count` listeners on one realtime topic, and a program that broadcasts there."""
    with house() as here:
        program = Program(here.server, "realtime:bench", here.token, sockets=1)
        try:
            with here.listeners(programs, count, topic="realtime:bench") as listeners:
                yield Served("WhatsSound", here.server.pid, listeners, program.say)
        finally:
            program.close()


@contextmanager
def ours(programs: Path, count: int) -> Iterator[Served]:
    """WhatsSound with `count` listeners in one room."""
    with house() as here, here.listeners(programs, count) as listeners:
        yield Served("WhatsSound", here.server.pid, listeners, here.talker.say)
