"""Two gateways over one owner: one beside it, one that asks everything over the bus."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nats_rig
from clients import SocketClient
from gateway_rig import HOMES_KEY, TOKEN_KEY, Rig, opened
from gateway_server import serving
from whatssound.accounts.known import Known
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.adapters.nats import LogSettings, NatsBus, NatsServer
from whatssound.addresses import Proxies
from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.log import RoomLog
from whatssound.config import Limits
from whatssound.gateway import Gateway
from whatssound.remote.owner import Owner
from whatssound.remote.services import RemoteServices


class PoorBus:
    """A bus in front of another that can be told to lose publications by topic or the next answers, or to be slow."""

    def __init__(self, bus: Bus) -> None:
        self.deaf_to: set[str] = set()
        self.lost_answers = 0
        self.asked: list[bytes] = []
        self.reached = asyncio.Event()
        self._before, self._after = asyncio.Event(), asyncio.Event()
        self._before.set()
        self._after.set()
        self._bus = bus
        self.subscribe = bus.subscribe
        self.answer = bus.answer
        self.flush = bus.flush
        self.statistics = bus.statistics

    @property
    def largest_bytes(self) -> int:
        return self._bus.largest_bytes

    def publish(self, topic: str, message: bytes) -> bool:
        return topic in self.deaf_to or self._bus.publish(topic, message)

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        self.asked.append(message)
        await self._passed(self._before)
        answer = await self._bus.request(topic, message, timeout_s=timeout_s)
        await self._passed(self._after)
        if self.lost_answers:
            self.lost_answers -= 1
            raise NoAnswer(topic, "the answer was lost")
        return answer

    def stopped_before(self) -> AbstractContextManager[None]:
        """Questions do not get through until this is left; `reached` says that one waits."""
        return self._stopped(self._before)

    def stopped_after(self) -> AbstractContextManager[None]:
        """Likewise answers."""
        return self._stopped(self._after)

    @contextmanager
    def _stopped(self, gate: asyncio.Event) -> Iterator[None]:
        gate.clear()
        self.reached.clear()
        try:
            yield
        finally:
            gate.set()

    async def _passed(self, gate: asyncio.Event) -> None:
        if not gate.is_set():
            self.reached.set()
            await gate.wait()


@dataclass(frozen=True)
class Wire:
    """A process's end of the bus and of the room log."""

    bus: Bus
    log: RoomLog


@asynccontextmanager
async def one_process() -> AsyncIterator[tuple[Wire, Wire]]:
    """Both ends in memory."""
    wire = Wire(MemoryBus(), MemoryLog("first"))
    yield wire, wire


@asynccontextmanager
async def two_connections(server: NatsServer) -> AsyncIterator[tuple[Wire, Wire]]:
    """Both ends on a nats-server, each with a connection of its own."""
    name = nats_rig.new_name()
    async with AsyncExitStack() as stack:
        wires: list[Wire] = []
        for _ in range(2):
            connection = await stack.enter_async_context(nats_rig.connected([server]))
            log = await nats_rig.opened_log(connection, LogSettings(name=name, max_bytes=1 << 20))
            stack.push_async_callback(log.close)
            bus = NatsBus(connection, name=name)
            stack.push_async_callback(bus.close)
            wires.append(Wire(bus, log))
        yield wires[0], wires[1]


@dataclass(frozen=True)
class Pair:
    """`rig` is the owner with a gateway beside it; `remote` is a gateway without a database."""

    rig: Rig
    bus: PoorBus
    """The owner's end of the bus; `far_bus` is the other gateway's."""
    far_bus: PoorBus
    owner: Owner
    services: RemoteServices
    remote: Gateway
    remote_port: int

    def client(self, where: str, user: User | None = None) -> SocketClient:
        """A socket of `user` on the "near" gateway or on the "far" one; use it with `async with`."""
        port = self.rig.port if where == "near" else self.remote_port
        return SocketClient(f"http://127.0.0.1:{port}", self.rig.accounts.token_for(user))


@asynccontextmanager
async def paired(folder: Path, near: Wire, far: Wire) -> AsyncIterator[Pair]:
    """The pair over `folder`; every proxy at 127.0.0.1 is believed."""
    bus, far_bus = PoorBus(near.bus), PoorBus(far.bus)
    async with (
        opened(folder, bus=bus, log=near.log, proxies=["127.0.0.1"]) as rig,
        Owner(bus, rig.accounts, rig.rooms, rig.kept, epoch="first") as owner,
        _far_services(rig, far_bus) as services,
        _far_gateway(rig, services, Wire(far_bus, far.log)) as (remote, port),
    ):
        yield Pair(rig, bus, far_bus, owner, services, remote, port)


@asynccontextmanager
async def _far_services(rig: Rig, bus: Bus) -> AsyncIterator[RemoteServices]:
    """What a process without a database knows, once it knows as much as the owner."""
    known = Known(AccessTokens(TOKEN_KEY, now_ms=rig.time.now_ms), now_ms=rig.time.now_ms)
    async with RemoteServices(bus, known, homes_key=HOMES_KEY) as services:
        await services.ready()
        yield services


@asynccontextmanager
async def _far_gateway(rig: Rig, services: RemoteServices, wire: Wire) -> AsyncIterator[tuple[Gateway, int]]:
    """A gateway over those, and its port."""
    gateway = Gateway(
        limits=Limits(),
        services=services,
        log=wire.log,
        bus=wire.bus,
        timeline=rig.time,
        proxies=Proxies.of(["127.0.0.1"]),
        node="far",
    )
    await gateway.start()
    async with serving(gateway.protocol_factory) as port:
        try:
            yield gateway, port
        finally:
            await gateway.stop()
