"""Runs the process that has everything, alone; and the part of it that is the same with others beside it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from whatssound import demo_room, scans
from whatssound.app import Parts, running
from whatssound.config import Config
from whatssound.serving.greeting import greeting, say
from whatssound.serving.listener import listening_socket
from whatssound.serving.server import Server, raise_open_files, uvicorn_config


async def serve_alone(config: Config) -> None:
    """Start every part, say where, and run until Ctrl-C or SIGTERM; what was acknowledged is safe then.

    Raises StartError, with advice, when the port or the data folder cannot be used.
    """
    raise_open_files()
    with listening_socket(config.listen, config.port) as listener:
        async with running(replace(config, port=listener.getsockname()[1])) as parts:

            async def announce(_server: Server) -> None:
                say(await greeting(parts.config, parts.accounts))

            await serve_parts(parts, [listener], announce=announce, drain=parts.gateway.drain)


async def serve_parts(
    parts: Parts,
    listeners: list[socket.socket],
    *,
    announce: Callable[[Server], Awaitable[None]],
    drain: Callable[[], Awaitable[None]],
) -> None:
    """Answer requests until a signal; `announce` is awaited once that is so, `drain` before connections are closed."""
    demo_plays = asyncio.Event()
    work = [asyncio.create_task(_at_the_edge(_play_demo(parts, demo_plays)))]

    async def announced() -> None:
        await announce(server)
        work.append(asyncio.create_task(_at_the_edge(_scan(parts))))

    config = uvicorn_config(parts.http, parts.gateway.protocol_factory, public_path=parts.config.public_path)
    server = Server(config, announce=announced, drain=drain, hurry=parts.gateway.hurry)
    try:
        await demo_plays.wait()
        await server.serve(sockets=listeners)
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
