"""Runs the one process: a listening socket, uvicorn on uvloop, and a stop that loses nothing."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from functools import partial

import structlog
import uvicorn

from whatssound import demo_room, scans
from whatssound.app import Parts, running
from whatssound.config import Config
from whatssound.http.connection import Connection
from whatssound.serving.greeting import greet

GRACEFUL_STOP_S = 5
"""How long a running download may delay the stop."""


def raise_open_files() -> None:
    """Allow as many open files as this user may have: the usual 1,024 would be the number of listeners."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server(uvicorn.Server):
    """uvicorn, except that sockets are told to reconnect first and signals are ours.

    uvicorn forgets upgraded connections, so `drain` is called before it closes anything.
    """

    def __init__(
        self, config: uvicorn.Config, *, announce: Callable[[], Awaitable[None]], drain: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._drain = drain

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGINT and SIGTERM; a second one does not wait for downloads."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer requests, and only then say so: by now Ctrl-C is a clean stop."""
        await super().startup(sockets)
        await self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door, send every listener away with the advice to come back, then let uvicorn finish."""
        for server in self.servers:
            server.close()
        await self._drain()
        await super().shutdown(sockets)


def uvicorn_config(app: object, protocol_factory: object, *, public_path: str = "") -> uvicorn.Config:
    """How uvicorn runs here: httptools for HTTP, our gateway for upgrades, our logs."""
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]
        http=partial(Connection, public_path=public_path),  # pyright: ignore[reportArgumentType]
        ws=protocol_factory,  # pyright: ignore[reportArgumentType]
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACEFUL_STOP_S,
    )


async def serve_until_stopped(config: Config, listener: socket.socket) -> None:
    """Start every part, say where, and run until Ctrl-C or SIGTERM; what was acknowledged is safe then.

    Raises DataFolderError, with advice, when the data folder cannot be used.
    """
    raise_open_files()
    config = replace(config, port=listener.getsockname()[1])
    async with running(config) as parts:
        demo_plays = asyncio.Event()
        work = [asyncio.create_task(_at_the_edge(_play_demo(parts, demo_plays)))]

        async def announce() -> None:
            await greet(parts)
            work.append(asyncio.create_task(_at_the_edge(_scan(parts))))

        config_of_http = uvicorn_config(parts.http, parts.gateway.protocol_factory, public_path=config.public_path)
        server = Server(config_of_http, announce=announce, drain=parts.gateway.drain)
        try:
            await demo_plays.wait()
            await server.serve(sockets=[listener])
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


async def _scan(parts: Parts) -> None:
    await scans.scan_and_tell(parts.rescans)


async def _play_demo(parts: Parts, playing: asyncio.Event) -> None:
    """Open the demo room, if asked for; `playing` is set once whoever opens the page would hear it."""
    if not parts.config.demo:
        playing.set()
        return
    try:
        owner = await parts.accounts.owner()
        room = await demo_room.open_demo_room(parts.rooms, owner, parts.folder.demo)
        await demo_room.fill_demo_room(parts.rooms, room, parts.demo, owner, playing)
    finally:
        playing.set()


async def _at_the_edge(job: Awaitable[None]) -> None:
    try:
        await job
    except Exception:  # a job's edge: the server goes on without it
        structlog.get_logger().exception("a start-up job failed")
