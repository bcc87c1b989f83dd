"""Real nats-servers: one, or three that are one cluster, on ports of their own."""

import asyncio
import contextlib
import itertools
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from whatssound.adapters.nats import LogSettings, NatsConnection, NatsLog, NatsServer, NatsServerFailed, ServerPlan
from whatssound.adapters.network import lasting_ports
from whatssound.bus.log import LogEvent, LogPosition, LogUnavailable, Reset, RoomLog
from whatssound.ids import RoomId
from whatssound.wire.record import encode_record

PATIENCE_S = 30.0
TOKEN = "for-tests-only"

_names = itertools.count()


def installed() -> bool:
    return (Path(sys.executable).parent / "nats-server").exists() or shutil.which("nats-server") is not None


@contextlib.contextmanager
def one_server(folder: Path, *, max_payload_bytes: int = 1 << 20, extra: str = "") -> Iterator[NatsServer]:
    server = NatsServer(ServerPlan(folder, token=TOKEN, max_payload_bytes=max_payload_bytes, extra=extra))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def three_servers(folder: Path) -> Iterator[list[NatsServer]]:
    ports = lasting_ports("127.0.0.1", 3)
    routes = [f"127.0.0.1:{port}" for port in ports]
    servers = [
        NatsServer(ServerPlan(folder / f"n{n}", name=f"n{n}", token=TOKEN, cluster_port=port, routes=routes))
        for n, port in enumerate(ports)
    ]
    try:
        for server in servers:
            server.start(wait=False)
        wait_for_all(servers)
        yield servers
    finally:
        for server in servers:
            server.stop()


def wait_for_all(servers: Sequence[NatsServer]) -> None:
    """Return once the cluster is ready; where one node ended, it is the one to say why, not those who wait for it."""
    try:
        for server in servers:
            server.wait_until_ready()
    except NatsServerFailed:
        for server in servers:
            if server.pid is None:
                server.wait_until_ready()
        raise


def new_name() -> str:
    """A name that no stream and no bus has had in this run."""
    return f"t{next(_names)}"


def monitoring(server: NatsServer, path: str) -> Any:
    """What the server itself says, as of `/connz?subs=1`."""
    with urlopen(server.monitor_url + path, timeout=5) as answer:
        return json.load(answer)


@contextlib.asynccontextmanager
async def connected(servers: Sequence[NatsServer], *, name: str = "test") -> AsyncIterator[NatsConnection]:
    connection = await NatsConnection.open([server.url for server in servers], name=name, timeout_s=PATIENCE_S)
    try:
        yield connection
    finally:
        await connection.close()


async def opened_log(connection: NatsConnection, settings: LogSettings) -> NatsLog:
    """The log; a cluster that has just come up may need a moment before it takes a stream."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await NatsLog.open(connection, settings)
            except LogUnavailable:
                await asyncio.sleep(0.05)


async def api(connection: NatsConnection, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What an operator's tool would ask of JetStream."""
    reply = await connection.request(f"$JS.API.{what}", json.dumps(body or {}).encode(), timeout_s=10)
    answer = json.loads(reply.data)
    assert "error" not in answer, answer
    return answer


async def leader_of(connection: NatsConnection, stream: str) -> str:
    """The name of the server that leads the stream."""
    return (await api(connection, f"STREAM.INFO.{stream}"))["cluster"]["leader"]


@contextlib.asynccontextmanager
async def losing_live_events(connection: NatsConnection, stream: str) -> AsyncIterator[None]:
    """While this lasts the server stores events and tells nobody."""
    config = (await api(connection, f"STREAM.INFO.{stream}"))["config"]
    await api(connection, f"STREAM.UPDATE.{stream}", {key: config[key] for key in config if key != "republish"})
    yield
    await api(connection, f"STREAM.UPDATE.{stream}", config)


async def until(reached: Callable[[], bool]) -> None:
    """Return once `reached()`, which something beside this task brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


async def append(log: RoomLog, *numbers: int, room: RoomId) -> list[LogPosition]:
    """Chat events whose key and text are their number."""
    return [await log.append(room, encode_record("chat", {"n": n}), key=f"k{n}") for n in numbers]


async def replayed(log: RoomLog, after: LogPosition, room: RoomId) -> list[str] | None:
    """The keys of what came after, or None for a reset."""
    answer = await log.replay(room, after)
    return None if isinstance(answer, Reset) else keys(answer)


def keys(events: Sequence[LogEvent]) -> list[str]:
    return [event.key for event in events]
