"""Two gateways over one owner: one beside it, one that asks everything over the bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clients import SocketClient
from gateway_rig import HOMES_KEY, TOKEN_KEY, Rig, opened
from gateway_server import serving
from whatssound.accounts.known import Known
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryBus
from whatssound.addresses import Proxies
from whatssound.bus.bus import NoAnswer
from whatssound.bus.log import RoomLog
from whatssound.config import Limits
from whatssound.gateway import Gateway
from whatssound.remote.owner import Owner
from whatssound.remote.services import RemoteServices


class PoorBus(MemoryBus):
    """A bus that can be told to lose publications by topic, or the next answers."""

    def __init__(self) -> None:
        super().__init__()
        self.deaf_to: set[str] = set()
        self.lost_answers = 0
        self.asked: list[bytes] = []

    def publish(self, topic: str, message: bytes) -> None:
        if topic not in self.deaf_to:
            super().publish(topic, message)

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        self.asked.append(message)
        answer = await super().request(topic, message, timeout_s=timeout_s)
        if self.lost_answers:
            self.lost_answers -= 1
            raise NoAnswer(topic, "the answer was lost")
        return answer


@dataclass(frozen=True)
class Pair:
    """`rig` is the owner with a gateway beside it; `remote` is a gateway without a database."""

    rig: Rig
    bus: PoorBus
    owner: Owner
    services: RemoteServices
    remote: Gateway
    remote_port: int

    def client(self, where: str, user: User | None = None) -> SocketClient:
        """A socket of `user` on the "near" gateway or on the "far" one; use it with `async with`."""
        port = self.rig.port if where == "near" else self.remote_port
        return SocketClient(f"http://127.0.0.1:{port}", self.rig.accounts.token_for(user))


@asynccontextmanager
async def paired(folder: Path, *, log: RoomLog | None = None) -> AsyncIterator[Pair]:
    """The pair over `folder`; every proxy at 127.0.0.1 is believed."""
    bus = PoorBus()
    async with (
        opened(folder, bus=bus, log=log, proxies=["127.0.0.1"]) as rig,
        Owner(bus, rig.accounts, rig.rooms, epoch="first") as owner,
        far_services(rig, bus) as services,
        far_gateway(rig, services) as (remote, port),
    ):
        yield Pair(rig, bus, owner, services, remote, port)


@asynccontextmanager
async def far_services(rig: Rig, bus: MemoryBus) -> AsyncIterator[RemoteServices]:
    """What a process without a database knows, once it knows as much as the owner."""
    known = Known(AccessTokens(TOKEN_KEY, now_ms=rig.time.now_ms), now_ms=rig.time.now_ms)
    async with RemoteServices(bus, known, homes_key=HOMES_KEY) as services:
        await services.ready()
        yield services


@asynccontextmanager
async def far_gateway(rig: Rig, services: RemoteServices) -> AsyncIterator[tuple[Gateway, int]]:
    """A gateway over those, and its port."""
    gateway = Gateway(
        limits=Limits(),
        services=services,
        log=rig.log,
        bus=rig.bus,
        timeline=rig.time,
        proxies=Proxies.of(["127.0.0.1"]),
    )
    await gateway.start()
    async with serving(gateway.protocol_factory) as port:
        try:
            yield gateway, port
        finally:
            await gateway.stop()
