"""The gateway of a process: the same beside the database and in processes that only hold sockets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.addresses import Proxies
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.gateway import Gateway
from whatssound.gateway.services import Services
from whatssound.wires import Wires


@asynccontextmanager
async def sockets(
    config: Config, services: Services, between: Wires, timeline: Timeline, *, node: str, registry: CollectorRegistry
) -> AsyncGenerator[Gateway]:
    """A gateway that runs and whose figures are shown; `node` is how others of the same server call this process."""
    gateway = Gateway(
        limits=config.limits,
        services=services,
        log=between.log,
        bus=between.bus,
        timeline=timeline,
        proxies=Proxies.of(config.trusted_proxies),
        registry=registry,
        drain_s=config.drain_s,
        node=node,
    )
    registry.register(StatisticsCollector("admission", gateway.admission.statistics))
    registry.register(StatisticsCollector("joins", gateway.snapshots.statistics))
    registry.register(StatisticsCollector("flushing", gateway.hub.flushing))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
