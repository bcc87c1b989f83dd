"""The gateway of a process: the same beside the database and in processes that only hold sockets."""

import resource
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry

from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.addresses import Proxies
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.gateway import Gateway
from whatssound.gateway.services import Services
from whatssound.wires import Wires

KEPT_FREE: Final = 1_000
"""Open files for HTTP, databases, audio and other processes. Who came when none is left would wait for an answer."""


def places() -> int:
    """How many sockets fit into this process: as many as it may have open files, without those it keeps free."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(most - KEPT_FREE, most // 2)


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
        places=places(),
    )
    registry.register(StatisticsCollector("admission", gateway.admission.statistics))
    registry.register(StatisticsCollector("joins", gateway.snapshots.statistics))
    registry.register(StatisticsCollector("flushing", gateway.hub.flushing))
    registry.register(StatisticsCollector("topics", gateway.topics.statistics))
    registry.register(StatisticsCollector("realtime", gateway.load.statistics))
    registry.register(StatisticsCollector("checks", gateway.hub.checks.statistics))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
