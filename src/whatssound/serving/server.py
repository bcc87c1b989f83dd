"""uvicorn as it runs here, in a process that listens itself and in one that is handed connections."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.server import ServerState

from whatssound.http.connection import Connection

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
        self,
        config: uvicorn.Config,
        *,
        announce: Callable[[], Awaitable[None]],
        drain: Callable[[], Awaitable[None]],
        hurry: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._drain = drain
        self._hurry = hurry

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGINT and SIGTERM; a second one waits for nothing that takes its time."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first time begin to stop; the second time send everybody away at once and wait for no download."""
        del sig, frame
        if self.should_exit:
            self._hurry()
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer requests, and only then say so: by now Ctrl-C is a clean stop."""
        await super().startup(sockets)
        await self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send every listener away with the advice to come back, while HTTP goes on; then let uvicorn finish."""
        await self._drain()
        await super().shutdown(sockets)

    def protocol(self) -> asyncio.Protocol:
        """What speaks on one connection, for one that this server did not accept itself; only while it serves."""
        return http_protocol(self.config, self.server_state, self.lifespan.state)


def http_protocol(config: uvicorn.Config, state: ServerState, app_state: object) -> asyncio.Protocol:
    """What speaks on one connection, as uvicorn makes it."""
    make = cast(Callable[..., asyncio.Protocol], config.http_protocol_class)
    return make(config=config, server_state=state, app_state=app_state)


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
