"""Builds the object graph of a process that only holds sockets. It reads the data folder's secret and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from whatssound.accounts.known import Known
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.process_metrics import answer_metrics
from whatssound.adapters.secret_file import open_secret
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.config import Config
from whatssound.credentials import access_tokens, key_set_followed
from whatssound.gateway.gateway import Gateway
from whatssound.remote.services import RemoteServices
from whatssound.sockets import sockets
from whatssound.wires import server_time, wires


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What such a process runs."""

    gateway: Gateway
    ready: Callable[[], Awaitable[object]]
    """Returns once the process that owns the files was heard: until then nobody's token is believed, nor the time."""
    registry: CollectorRegistry


@asynccontextmanager
async def running_gateway(config: Config, *, node: str, nats: Sequence[str]) -> AsyncGenerator[GatewayParts]:
    """The parts, started; stopped in reverse order on leaving; `node` is our name. Raises StartError, with advice."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        secret = open_secret(DataFolder(config.data).secret, jwt_secret=config.jwt_secret)
        between = await stack.enter_async_context(wires(nats, name=f"whatssound {node}", registry=registry))
        timeline, clock = await stack.enter_async_context(server_time(between, node, owns=False, registry=registry))
        tokens = access_tokens(config, secret, now_ms=timeline.now_ms)
        await stack.enter_async_context(key_set_followed(config, tokens, registry))
        known = Known(tokens, now_ms=timeline.now_ms)
        services = RemoteServices(between.bus, known, homes_key=secret.derive("homes"))
        await stack.enter_async_context(services)
        gateway = await stack.enter_async_context(
            sockets(config, services, between, timeline, node=node, registry=registry)
        )
        registry.register(StatisticsCollector("asking_owner", services.statistics))
        stack.callback(answer_metrics(between.bus, node, registry).close)
        yield GatewayParts(gateway, lambda: asyncio.gather(services.ready(), clock.ready()), registry)
