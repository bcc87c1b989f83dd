"""The nats-server between the processes of one server, when the operator has none of their own."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from whatssound.adapters.nats import (
    LogSettings,
    NatsConnection,
    NatsServer,
    NatsServerFailed,
    NatsUnreachable,
    ServerPlan,
    begin_epoch,
)
from whatssound.bus.log import LogUnavailable
from whatssound.config import StartError
from whatssound.serving.backoff import STEADY_S, wait_s
from whatssound.serving.ends import ended


@asynccontextmanager
async def private_nats(folder: Path, *, lock: int) -> AsyncGenerator[str]:
    """Its address, a secret, while it is kept running; stopped on leaving. Raises StartError.

    It holds the data folder's lock with us, so that nobody uses its store while it still ends. Each start is a new
    life of the room log: what was in it may be older than what the database says.
    """
    server = NatsServer(ServerPlan(folder))
    try:
        server.start(guard=lock)
        async with await NatsConnection.open([server.url], name="whatssound supervisor") as connection:
            await begin_epoch(connection, LogSettings())
    except (NatsServerFailed, NatsUnreachable, LogUnavailable) as problem:
        server.stop()
        raise StartError(f"The private nats-server cannot be used: {problem}.") from problem
    keeper = asyncio.create_task(_keep(server, lock))
    try:
        yield server.url
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        server.stop()


async def _keep(server: NatsServer, lock: int) -> None:
    """Start it again whenever it ends, on the same port and store: those who use it find it again by themselves."""
    log, quick_ends, born_s = structlog.get_logger("whatssound.serving"), 0, time.monotonic()
    while True:
        if (pid := server.pid) is not None:
            await ended(pid)
        quick_ends = 1 if time.monotonic() - born_s >= STEADY_S else quick_ends + 1
        log.error("the nats-server ended and is started again", wait_s=wait_s(quick_ends))
        await asyncio.sleep(wait_s(quick_ends))
        born_s = time.monotonic()
        with contextlib.suppress(NatsServerFailed, OSError):
            server.start(guard=lock)
