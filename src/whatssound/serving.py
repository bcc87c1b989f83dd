"""Runs the one process: a listening socket, uvicorn on uvloop, and a stop that loses nothing."""

import asyncio
import contextlib
import errno
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from functools import partial

import structlog
import uvicorn

from whatssound import demo_room, scans
from whatssound.adapters.network import links_here
from whatssound.app import Parts, running
from whatssound.config import Config, StartError
from whatssound.http.connection import Connection
from whatssound.links import in_url

BACKLOG = 2_048
"""Connections that may wait to be accepted: everybody who comes back at once after a restart."""

GRACEFUL_STOP_S = 5
"""How long a running download may delay the stop."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to `host:port` (port 0: a free one). Raises StartError when that is not possible."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except socket.gaierror as problem:
        raise StartError(f"{host} is not an address of this computer. Give another one with --host.") from problem
    except OSError as problem:
        raise StartError(_bind_advice(problem, host, port)) from problem
    listener.listen(BACKLOG)
    return listener


def _bind_advice(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} is in use. Stop the program that uses it, or choose another port with --port."
    if problem.errno == errno.EACCES:
        return f"Port {port} needs administrator rights. Choose one above 1023 with --port."
    return f"Cannot listen on {host}:{port}: {problem.strerror}. Choose another with --host and --port."


def addresses(config: Config) -> list[str]:
    """The addresses under which people reach this server, the nearest first; links begin with the last one."""
    everywhere = config.listen in ("0.0.0.0", "::")
    here = f"http://{in_url('127.0.0.1' if everywhere else config.listen)}:{config.port}"
    return list(dict.fromkeys((here, links_here(config).base)))


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
            await _announce(parts)
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


async def _announce(parts: Parts) -> None:
    """Say where people find it. The last line is for scripts: once it is out, requests are answered."""
    found = addresses(parts.config)
    code = await parts.accounts.new_owner_code()
    lines = [f"Open it: {address}" for address in found]
    lines += [f"You are the DJ (works once): {found[-1]}/#owner={code}", f"WhatsSound is ready: {found[0]}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
