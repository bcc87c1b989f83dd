"""The process that owns the files, with gateway processes beside it. Started by the supervisor, never by hand."""

import asyncio
import socket
from collections.abc import Sequence
from typing import NamedTuple

from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.app import Together, running
from whatssound.gateway.gateway import DRAIN_S
from whatssound.serving.acceptor import Acceptor, AcceptorStatistics
from whatssound.serving.child import run
from whatssound.serving.entrance import Entrance
from whatssound.serving.greeting import greeting
from whatssound.serving.handover import TakingOver
from whatssound.serving.line import Alive, Cover, Line, Message, Peer, Ready, Restarts, Start
from whatssound.serving.run import serve_parts
from whatssound.serving.server import Server, raise_open_files
from whatssound.serving.watch import ALIVE_S

OTHERS_S = DRAIN_S + 1.0
"""How much longer than a drain takes it answers gateway processes that drain at the same time."""


class RestartStatistics(NamedTuple):
    """As the supervisor counts since it started."""

    restarted: int
    """Processes that ended and were started again."""
    hung: int
    """Of those, processes that did not answer and were killed."""


class _Doors:
    """Connections from its own listening socket, from those it covers, and from gateway processes."""

    def __init__(self, start: Start) -> None:
        self._server: Server | None = None
        self._entrance = Entrance(self._protocol)
        listeners = [socket.socket(fileno=descriptor) for descriptor in start.listeners]
        self._gateways = {index: f"gateway-{index}" for index in range(1, len(listeners))}
        self._acceptor = Acceptor(listeners, start.index, self._entrance.let_in)
        self._taking_over = TakingOver(self._entrance.let_in)
        self._restarts = RestartStatistics(0, 0)

    def open(self, server: Server) -> None:
        """Let them in; only while `server` serves."""
        self._server = server
        self._acceptor.start()

    def told(self, message: Message, descriptors: Sequence[int]) -> None:
        """What the supervisor says."""
        match message:
            case Peer():
                self._taking_over.meet(message.index, socket.socket(fileno=descriptors[0]))
            case Cover():
                self._acceptor.cover(message.listeners)
            case Restarts():
                self._restarts = RestartStatistics(message.restarted, message.hung)
            case _:
                pass

    def gateways(self) -> list[str]:
        """The gateway processes that there should be, by name."""
        return list(self._gateways.values())

    def missing(self) -> list[str]:
        """The gateway processes that are not there, by name."""
        return [name for index, name in self._gateways.items() if index not in self._taking_over.peers]

    def statistics(self) -> AcceptorStatistics:
        """What came in by its own listening socket and those it covers."""
        return self._acceptor.statistics()

    def restarts(self) -> RestartStatistics:
        """How often processes of this server were started again."""
        return self._restarts

    def shut(self) -> None:
        """Take no new connections; gateway processes do the same."""
        self._acceptor.close()

    async def alone(self, patience_s: float) -> None:
        """Return when the gateway processes are gone, or are late."""
        await self._taking_over.all_gone(patience_s)
        self._taking_over.close()

    def _protocol(self) -> asyncio.BaseProtocol:
        assert self._server is not None, "nobody comes in before it is open"
        return self._server.protocol()


async def serve(start: Start, line: Line) -> None:
    """Serve everything until a signal. Raises StartError, with advice, when that is not possible."""
    raise_open_files()
    doors = _Doors(start)
    together = Together(start.server, start.lock, start.nats, gateways=doors.gateways(), missing=doors.missing)
    async with running(start.config, together) as parts:

        async def announce(server: Server) -> None:
            doors.open(server)
            parts.registry.register(StatisticsCollector("connections", doors.statistics))
            parts.registry.register(StatisticsCollector("processes", doors.restarts))
            line.listen(doors.told, lambda: None)
            line.send(Ready(await greeting(parts.config, parts.accounts) if start.first else ""))
            line.keep_saying(Alive(), ALIVE_S)

        async def drain() -> None:
            await parts.gateway.drain()
            doors.shut()
            await doors.alone(start.config.drain_s + OTHERS_S)

        await serve_parts(parts, [], announce=announce, drain=drain)


if __name__ == "__main__":
    run("owner", serve)
