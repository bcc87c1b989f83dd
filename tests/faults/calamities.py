"""What can befall a full room. A fault is one function; it returns when it is over, not when all have come back."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import nats_rig
from faults.links import between_address_and_port, between_process_and_port, can_cut, cut, local_ports
from faults.private_log import STREAM, private_log, private_url, trim
from load.crowd import Crowd
from load.speakers import Speakers
from load.stage import Stage
from several import alive, descendants, until

FROZEN_S = 2.0

HANG_S = 2 * FROZEN_S
"""After so long a process that stands still is killed: one that goes on after `FROZEN_S` is not."""

AWAY_MS = 2_000

CUT_S = 11.0
"""Longer than it takes a server to give up a listener who takes nothing (5 s), and NATS's client a server (9 s)."""

BEAT_S = 3.0
"""How often listeners beat: who was given up while the link was cut learns of it by the next beat."""

BELATED_S = 5.0
"""The promise: an event that was lost on its way, with silence behind it, is with everybody so soon."""

SLOW, SLOW_BYTES_PER_S = 5, 500
"""Listeners who read so little that they fall behind and are sent away; nobody waits for them."""


@dataclass
class Scene:
    """Where it happens."""

    here: Stage
    crowd: Crowd
    speakers: Speakers
    chance: random.Random
    silence: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once everything that was said in this round is answered."""

    def process(self, kind: str) -> int:
        """The id of one of the server's processes: `owner`, `gateway` or `nats`."""
        return self.chance.choice(self.processes(kind))

    def processes(self, kind: str) -> list[int]:
        """All of that kind."""
        return sorted(pid for name, pid in descendants(self.here.server.pid).items() if name.startswith(kind))

    async def goes_on(self, events: int) -> int:
        """Return once `events` more events were appended, and where the log stands then."""
        goal = self.speakers.last_seq + events
        async with asyncio.timeout(60):
            while self.speakers.last_seq < goal:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.02)
        return self.speakers.last_seq


def several(processes: int) -> tuple[str, ...]:
    """How a server of so many processes is started, for faults to befall it."""
    return ("--workers", str(processes), "--hang-s", str(HANG_S))


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


async def the_last_event_is_lost(scene: Scene) -> None:
    """NATS stores events and tells nobody; then all are silent. Raises TimeoutError when somebody lacks the last."""
    async with private_log(scene.here.server) as connection, nats_rig.losing_live_events(connection, STREAM):
        await scene.silence.wait()
        await scene.speakers.speak(per_s=1, count=1)
        seq, present = scene.speakers.last_seq, scene.crowd.clients - SLOW
        await asyncio.to_thread(scene.crowd.wait_heard, seq, present, timeout_s=BELATED_S)


async def the_log_is_trimmed(scene: Scene) -> None:
    """Half of the listeners are away while the log forgets what they have not seen; nor does any process remember it.

    Raises TimeoutError when one of them is not told to start over.
    """
    away, resets = scene.crowd.clients // 2, scene.crowd.resets
    scene.crowd.cut(away, away_ms=AWAY_MS)
    seq = await scene.goes_on(20)
    async with private_log(scene.here.server) as connection:
        await trim(connection, int(scene.here.place.room_id), below_seq=seq)
    for pid in (*scene.processes("gateway"), *scene.processes("owner")):
        os.kill(pid, signal.SIGKILL)
    told = await asyncio.to_thread(scene.crowd.wait_until, lambda: scene.crowd.resets >= resets + away, timeout_s=60)
    if not told:
        raise TimeoutError(f"{scene.crowd.resets - resets} of {away} were told to start over")


async def links_are_cut(scene: Scene) -> None:
    """Half of the listeners are cut off from the server, and a gateway process from NATS; then the links are healed."""
    server = scene.here.server
    gateway, nats_port = scene.process("gateway"), int(private_url(server).rpartition(":")[2])
    others = {server.pid, *scene.processes("owner"), *scene.processes("gateway")} - {gateway}
    spared = set[int]().union(*(local_ports(pid, nats_port) for pid in others))
    listeners = between_address_and_port(scene.crowd.sources[-1], scene.here.place.port)
    with cut(listeners, between_process_and_port(nats_port, spared)):
        await asyncio.sleep(CUT_S)


async def a_gateway_hangs(scene: Scene) -> None:
    """SIGSTOP of a process that only holds sockets, and no SIGCONT: it is killed by its supervisor."""
    pid = scene.process("gateway")
    os.kill(pid, signal.SIGSTOP)
    await asyncio.to_thread(until, lambda: not alive(pid), "a process hangs, and nobody minds")


async def _stands_still(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def possible(faults: Sequence[Fault]) -> list[Fault]:
    """Those that this machine allows: links are cut by root only."""
    return [fault for fault in faults if fault is not links_are_cut or can_cut()]


ONE_PROCESS: tuple[Fault, ...] = (connections_break, the_server_stands_still, everything_is_killed)

# In every other round messages are long. With links cut they fill what the system holds, so that the server notices.
SEVERAL: tuple[Fault, ...] = (
    a_gateway_is_killed,
    connections_break,
    the_owner_is_killed,
    links_are_cut,
    nats_is_killed,
    the_last_event_is_lost,
    the_log_is_trimmed,
    the_owner_stands_still,
    a_gateway_hangs,
    everything_is_killed,
)
