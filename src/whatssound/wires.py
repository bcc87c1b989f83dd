"""The room log and the bus of one process: in its memory when it is alone, over NATS when it is not."""

import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.adapters.nats import LogSettings, NatsBus, NatsConnection, NatsLog, NatsUnreachable
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.bus.bus import Bus
from whatssound.bus.clock_sync import ClockSync
from whatssound.bus.log import LogUnavailable, RoomLog
from whatssound.bus.members import Members
from whatssound.bus.timeline import Timeline
from whatssound.config import StartError


@dataclass(frozen=True, slots=True)
class Wires:
    """What processes have between them."""

    log: RoomLog
    bus: Bus
    connected: Callable[[], bool] = lambda: True
    """Whether the others can be reached just now."""


def new_server() -> str:
    """A name for this start of this server, unlike that of any other that shares its bus: where it is, and chance."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


@asynccontextmanager
async def wires(nats: Sequence[str], *, name: str, registry: CollectorRegistry) -> AsyncGenerator[Wires]:
    """The log and the bus; `name` is how the NATS server shows this process. Raises StartError."""
    if not nats:
        here = Wires(MemoryLog(secrets.token_hex(8)), MemoryBus())
        _show(registry, here)
        yield here
        return
    try:
        connection = await NatsConnection.open(nats, name=name)
    except NatsUnreachable as problem:
        raise StartError(f"{str(problem).capitalize()}. Start it, or mend --nats.") from problem
    async with connection:
        try:
            log = await NatsLog.open(connection, LogSettings())
        except LogUnavailable as problem:
            raise StartError(f"The NATS server keeps no streams: {problem}. Enable JetStream there.") from problem
        bus = NatsBus(connection)
        registry.register(StatisticsCollector("nats", connection.statistics))
        there = Wires(log, bus, lambda: connection.is_connected)
        _show(registry, there)
        try:
            yield there
        finally:
            await bus.close()
            await log.close()


@asynccontextmanager
async def server_time(
    between: Wires, node: str, *, owns: bool, registry: CollectorRegistry
) -> AsyncGenerator[tuple[Timeline, ClockSync]]:
    """The one server time of all that are wired together, right once `ready()` has returned; `node` is our name."""
    timeline = Timeline()
    members = Members(between.bus, node, owns=owns, start_ms=time.time_ns() // 1_000_000)
    async with members, ClockSync(between.bus, members, timeline, owns=owns) as clock:
        registry.register(StatisticsCollector("members", members.statistics))
        registry.register(StatisticsCollector("clock", clock.statistics))
        yield timeline, clock


def _show(registry: CollectorRegistry, shown: Wires) -> None:
    registry.register(StatisticsCollector("log", shown.log.statistics))
    registry.register(StatisticsCollector("bus", shown.bus.statistics))
