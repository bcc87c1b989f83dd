"""A process that only holds sockets, beside the one that owns the files. Started by the supervisor, never by hand."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from uvicorn.server import ServerState

from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.bus.nodes import node_name
from whatssound.gateway.handshake import PATHS
from whatssound.gateway_app import GatewayParts, running_gateway
from whatssound.serving.acceptor import Acceptor
from whatssound.serving.child import run
from whatssound.serving.entrance import Entrance, TurnedAway
from whatssound.serving.handover import GivingAway
from whatssound.serving.line import Alive, Cover, Line, Message, Peer, Ready, Start
from whatssound.serving.peeking import Peeking, Upgrades
from whatssound.serving.server import http_protocol, raise_open_files, uvicorn_config
from whatssound.serving.watch import ALIVE_S
from whatssound.wire.errors import Refusal

AWAY: Final = Refusal("unavailable", "This server is restarting; try again in a moment.", retry_after_ms=1_000)
"""What HTTP is answered while the process that owns the files is not there."""


class _Doors:
    """Connections from its own listening socket and those it covers: sockets in, everything else to the owner."""

    def __init__(self, start: Start, parts: GatewayParts) -> None:
        config = uvicorn_config(_not_for_us, parts.gateway.protocol_factory, public_path=start.config.public_path)
        config.load()
        state = ServerState()
        self._giving = GivingAway(Entrance(lambda: TurnedAway(AWAY)).let_in)
        self._peeking = Peeking(
            Upgrades(PATHS, start.config.public_path).has,
            here=Entrance(lambda: http_protocol(config, state, {})).let_in,
            there=self._giving.give,
        )
        listeners = [socket.socket(fileno=descriptor) for descriptor in start.listeners]
        self._acceptor = Acceptor(listeners, start.index, self._peeking.take)
        for part, statistics in (
            ("connections", self._acceptor.statistics),
            ("connections_peeked", self._peeking.statistics),
            ("connections_given", self._giving.statistics),
        ):
            parts.registry.register(StatisticsCollector(part, statistics))

    def open(self) -> None:
        """Let them in."""
        self._acceptor.start()

    def told(self, message: Message, descriptors: Sequence[int]) -> None:
        """What the supervisor says."""
        match message:
            case Peer():
                self._giving.meet(socket.socket(fileno=descriptors[0]))
            case Cover():
                self._acceptor.cover(message.listeners)
            case _:
                pass

    def shut(self) -> None:
        """Take no new connections."""
        self._acceptor.close()
        self._peeking.close()


async def serve(start: Start, line: Line) -> None:
    """Hold sockets until a signal. Raises StartError, with advice, when that is not possible."""
    raise_open_files()
    stopping = asyncio.Event()
    await line.spoken_to()  # the owner process is there: the first word is always an introduction
    node = node_name(f"gateway-{start.index}", start.server)
    async with running_gateway(start.config, node=node, nats=start.nats) as parts:
        _on_signals(stopping, parts.gateway.hurry)
        doors = _Doors(start, parts)
        line.listen(doors.told, stopping.set)
        opening = asyncio.create_task(_open(doors, parts, line))
        await stopping.wait()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        doors.shut()
        await parts.gateway.drain()


def _on_signals(stopping: asyncio.Event, hurry: Callable[[], None]) -> None:
    """Stop at the first; at the second, send everybody away at once."""

    def asked() -> None:
        if stopping.is_set():
            hurry()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked)


async def _open(doors: _Doors, parts: GatewayParts, line: Line) -> None:
    """Let people in as soon as it is known who may."""
    await parts.ready()
    doors.open()
    line.send(Ready())
    line.keep_saying(Alive(), ALIVE_S)


async def _not_for_us(scope: Any, receive: Any, send: Any) -> None:
    """Only upgrades come here; one that turns out to be none is asked to try again without haste."""
    del scope, receive
    await send({"type": "http.response.start", "status": 400, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"This was no WebSocket upgrade."})


if __name__ == "__main__":
    run("gateway", serve)
