"""A real uvicorn with our sockets on a free port, inside the test's own event loop."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Self

import uvicorn
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from whatssound.accounts.user import Identity
from whatssound.config import Limits
from whatssound.gateway.admission import Admission
from whatssound.gateway.channel import Channel
from whatssound.gateway.handshake import Upgrade
from whatssound.gateway.lanes import Lanes
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.session import Session
from whatssound.gateway.socket import Socket, SocketFactory
from whatssound.gateway.sweep import Sweep
from whatssound.http.connection import Connection
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Frame

LIMITS = Limits(frame_bytes=70_000)
HEARTBEAT = '[null,"1","phoenix","heartbeat",{}]'
BEATEN = [None, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """The HTTP side: every request is answered 404."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"nothing here"})


@contextlib.asynccontextmanager
async def serving(
    protocol_factory: Callable[..., asyncio.BaseProtocol], app: Any = _nothing_here
) -> AsyncIterator[int]:
    """The port on which a server listens that upgrades to `protocol_factory`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=Connection, ws=protocol_factory, lifespan="off", log_config=None, access_log=False, loop="none"
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    # The kernel takes connections from here on; they are answered as soon as uvicorn is up.
    listener.listen()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running


def connected(port: int, *, path: str = "/socket/websocket", query: str = "vsn=2.0.0", **options: Any) -> connect:
    """A `websockets` client on the port; use it with `async with`."""
    options.setdefault("compression", None)
    options.setdefault("ping_interval", None)
    return connect(f"ws://127.0.0.1:{port}{path}?{query}", **options)


async def closed_with(client: ClientConnection) -> int:
    """The close code with which the server ends the connection; what it still sends is read and dropped."""
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code


class RawClient:
    """A client that reads only when told to, over a plain TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, target: str = "/socket/websocket?vsn=2.0.0") -> Self:
        """Connect and send the upgrade request; the answer is not read yet. Use it with `async with`."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=4_096)
        client = cls(reader, writer)
        writer.write(
            (
                f"GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ).encode()
        )
        return client

    async def head(self) -> str:
        """The status line and headers of the server's answer."""
        async with asyncio.timeout(20):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def rest(self) -> bytes:
        """Everything up to the server's end of the connection."""
        async with asyncio.timeout(20):
            return await self.reader.read(-1)

    def send(self, payload: bytes, *, opcode: int = 1, fin: bool = True) -> None:
        """Send one masked frame (the mask is zero, which is legal and readable)."""
        first = (0x80 if fin else 0) | opcode
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", first, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, size)
        self.writer.write(head + b"\0\0\0\0" + payload)

    async def vanish(self) -> None:
        """Gone, without a word."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()


class Doorkeeper:
    """Lets everybody in whose token is not "bad"; there are no topics behind this door."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.metrics = Metrics(CollectorRegistry())
        self.admission = Admission(limits, now_s=lambda: 0.0, chance=lambda: 0.0)
        self.lanes = Lanes()
        self.sweep = Sweep()
        self.tokens: list[str | None] = []
        self._left = asyncio.Event()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """The port on which it keeps the door."""
        async with serving(SocketFactory(self, self.limits)) as port:
            yield port
            for socket in self.sweep.all():
                assert isinstance(socket, Socket)
                socket.close(1001)
            await self.empty()

    async def empty(self) -> None:
        """Return once no socket is left."""
        async with asyncio.timeout(20):
            while len(self.sweep):
                self._left.clear()
                await self._left.wait()

    def admit(self, upgrade: Upgrade, socket: Socket) -> Session:
        self.tokens.append(upgrade.token)
        if upgrade.token == "bad":
            raise Refusal("unauthorized", "The token provided is not a valid JWT")
        self.sweep.add(socket)
        return Session(socket, upgrade.serializer, Identity(None, "", "anon", 2**53), self)

    def lost(self, socket: Socket) -> None:
        self.sweep.remove(socket)
        self._left.set()

    def now_ms(self) -> float:
        return 0.0

    def channel(self, session: Session, join: Frame) -> Channel | None:
        del session, join
        return None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        raise AssertionError(f"nothing here works: {work}")
