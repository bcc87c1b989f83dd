"""The gateway of a process: the same beside the database and in processes that only hold sockets."""

import resource
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry

from whatssound.adapters.policy_module import load_policy
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.addresses import Proxies
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.gateway import Gateway
from whatssound.gateway.services import Services
from whatssound.realtime.policy import GuardedPolicy, Policy, default_policy
from whatssound.wires import Wires

KEPT_FREE: Final = 1_000
"""Open files for HTTP, databases, audio and other processes. Who came when none is left would wait for an answer."""


def places() -> int:
    """How many sockets fit into this process: as many as it may have open files, without those it keeps free."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(most - KEPT_FREE, most // 2)


def _policy(config: Config, registry: CollectorRegistry) -> Policy:
    """The policy for private topics. Raises StartError."""
    if config.realtime_policy is None:
        return default_policy
    policy = GuardedPolicy(load_policy(config.realtime_policy), now_s=time.monotonic)
    registry.register(StatisticsCollector("realtime_policy", policy.statistics))
    return policy


@asynccontextmanager
async def sockets(
    config: Config, services: Services, between: Wires, timeline: Timeline, *, node: str, registry: CollectorRegistry
) -> AsyncGenerator[Gateway]:
    """A gateway that runs and whose figures are shown; `node` is how others of the same server call this process.

    Raises StartError when the policy for private topics cannot be loaded.
    """
    policy = _policy(config, registry)
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
        policy=policy,
        private_only=config.private_only,
    )
    registry.register(StatisticsCollector("admission", gateway.admission.statistics))
    registry.register(StatisticsCollector("joins", gateway.snapshots.statistics))
    registry.register(StatisticsCollector("flushing", gateway.hub.flushing))
    registry.register(StatisticsCollector("topics", gateway.topics.statistics))
    registry.register(StatisticsCollector("realtime", gateway.load.statistics))
    registry.register(StatisticsCollector("presence", gateway.presence.statistics))
    registry.register(StatisticsCollector("checks", gateway.hub.checks.statistics))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
