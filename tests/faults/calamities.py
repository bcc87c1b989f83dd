"""What can befall a full room. A fault is one function; it returns when it is over, not when all have come back."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from load.crowd import Crowd
from load.stage import Stage
from several import descendants

FROZEN_S = 2.0


@dataclass
class Scene:
    """Where it happens."""

    here: Stage
    crowd: Crowd
    chance: random.Random

    def process(self, kind: str) -> int:
        """The id of one of the server's processes: `owner`, `gateway` or `nats`."""
        found = [pid for name, pid in descendants(self.here.server.pid).items() if name.startswith(kind)]
        return self.chance.choice(sorted(found))


Fault = Callable[[Scene], Awaitable[None]]


async def connections_break(scene: Scene) -> None:
    """Half of the listeners lose their connection without a word."""
    scene.crowd.cut(scene.crowd.clients // 2)


async def everything_is_killed(scene: Scene) -> None:
    """SIGKILL of the server (with workers: of their supervisor), and a start on the same data folder."""
    scene.here.server.kill()
    await asyncio.to_thread(scene.here.server.start)


async def the_server_stands_still(scene: Scene) -> None:
    """SIGSTOP, and SIGCONT a while later: everybody's messages wait meanwhile."""
    await _stands_still(scene.here.server.pid)


async def a_gateway_is_killed(scene: Scene) -> None:
    """SIGKILL of a process that only holds sockets."""
    os.kill(scene.process("gateway"), signal.SIGKILL)


async def the_owner_is_killed(scene: Scene) -> None:
    """SIGKILL of the process that owns the files and decides."""
    os.kill(scene.process("owner"), signal.SIGKILL)


async def nats_is_killed(scene: Scene) -> None:
    """SIGKILL of the private nats-server: log and bus are gone."""
    os.kill(scene.process("nats"), signal.SIGKILL)


async def the_owner_stands_still(scene: Scene) -> None:
    """SIGSTOP of the owner process, and SIGCONT a while later."""
    await _stands_still(scene.process("owner"))


async def _stands_still(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        os.kill(pid, signal.SIGCONT)


ONE_PROCESS: tuple[Fault, ...] = (connections_break, the_server_stands_still, everything_is_killed)

SEVERAL: tuple[Fault, ...] = (
    a_gateway_is_killed,
    connections_break,
    the_owner_is_killed,
    the_owner_stands_still,
    nats_is_killed,
    everything_is_killed,
)
