"""The gateway as the process sees it: made, started, drained and stopped as one."""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from whatssound.addresses import Proxies
from whatssound.bus.bus import Bus
from whatssound.bus.log import RoomLog
from whatssound.bus.timeline import Timeline
from whatssound.config import Limits
from whatssound.gateway.admission import Admission
from whatssound.gateway.channel import Channel
from whatssound.gateway.drain import Drain
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.handshake import Upgrade
from whatssound.gateway.hub import Hub
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.presence import Presences
from whatssound.gateway.realtime_channel import RealtimeChannel, RealtimeParts
from whatssound.gateway.room_channel import PREFIX as ROOM_PREFIX
from whatssound.gateway.room_channel import RoomChannel
from whatssound.gateway.room_visit import RoomParts
from whatssound.gateway.services import Services
from whatssound.gateway.session import Session
from whatssound.gateway.snapshots import JoinSnapshots
from whatssound.gateway.socket import Socket, SocketFactory
from whatssound.gateway.sweep import TICK_S, Sweep
from whatssound.gateway.topics import Topics
from whatssound.gateway.view_channel import ViewChannel, ViewParts
from whatssound.ids import RoomId, UserId
from whatssound.presence.exchange import Exchange
from whatssound.realtime.access import Access
from whatssound.realtime.load import Load
from whatssound.realtime.policy import Policy, default_policy
from whatssound.realtime.topics import room_of
from whatssound.wire.errors import Refusal
from whatssound.wire.events import User
from whatssound.wire.hints import scattered_ms
from whatssound.wire.phoenix import Frame
from whatssound.wire.realtime import PREFIX as REALTIME_PREFIX

DRAIN_S = 5.0
"""How long a drain waits, after all were told, for commands that are being done and for clients to hang up."""

AWAY_MS = 3_000
"""Over how long those scatter who come while this process ends; on one machine the next one is there by then."""

SIGNED_OUT_S = 1.0
"""How long sockets outlive the tokens they were opened with, once those are recalled; commands are refused at once."""

_log = structlog.get_logger("whatssound.gateway")


class GatewayStatistics(NamedTuple):
    """What goes on here now."""

    sockets: int
    channels: int
    rooms: int
    commands: int
    """Joins and commands that are being worked on."""
    waiting_bytes: int
    """What waits in all outboxes."""


class Gateway:
    """Sockets in, rooms out. `protocol_factory` goes to uvicorn as `ws=`.

    Order of a good end: `drain()`, then close the server, then `stop()`.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        services: Services,
        log: RoomLog,
        bus: Bus,
        timeline: Timeline,
        proxies: Proxies | None = None,
        registry: CollectorRegistry | None = None,
        flusher: Flusher | None = None,
        drain_s: float = 0.0,
        chance: Callable[[], float] = random.random,
        policy: Policy = default_policy,
        private_only: bool = False,
        node: str = "here",
        places: int = sys.maxsize,
    ) -> None:
        self.limits = limits
        self.metrics = Metrics(registry or CollectorRegistry())
        flusher = flusher or Flusher()
        self.lanes = flusher.lanes
        self.hub = Hub(log, bus, self.metrics, device_seen=services.device_seen, flusher=flusher, node=node)
        self.admission = Admission(limits, now_s=time.monotonic, chance=chance, places=places)
        self.now_ms = timeline.now_ms
        self.protocol_factory = SocketFactory(self, limits)
        self._services = services
        self._proxies = proxies or Proxies()
        self.snapshots = JoinSnapshots(services.view, timeline.now_ms)
        self._parts = RoomParts(self.hub, services, self.snapshots, timeline)
        self.access = Access(services.verify, policy, is_recalled=services.is_recalled, private_only=private_only)
        self.load = Load(limits, now_s=time.monotonic)
        self.topics = Topics(bus, flusher, self.metrics, node=node, load=self.load)
        self.presence = Exchange(bus, node, life=time.time_ns() // 1_000_000)
        presences = Presences(self.presence)
        self._realtime = RealtimeParts(self.topics, presences, services, self.access, limits, timeline, self.load)
        self._views = ViewParts(self._parts, self.access)
        self._sweep = Sweep()
        self._sockets: dict[Socket, str] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._drain = Drain(spread_s=drain_s, per_second=limits.upgrades_per_second, chance=chance)
        self._chance = chance
        self._draining = False
        self._empty = asyncio.Event()
        self.metrics.waiting_bytes.set_function(lambda: self.statistics().waiting_bytes)
        self.metrics.working.set_function(lambda: len(self._work))
        self._listen_to(services)

    def _listen_to(self, services: Services) -> None:
        services.on_member(self.hub.on_member)
        services.on_doubt(self.hub.on_doubt)
        services.on_recalled(self._signed_out)

    async def start(self) -> None:
        """Begin to look after sockets and rooms."""
        await self.hub.start()
        await self.presence.start()
        self._sweeping = asyncio.get_running_loop().create_task(self._swept())

    @property
    def draining(self) -> bool:
        """Whether it takes no new sockets any more."""
        return self._draining

    async def drain(self, grace_s: float = DRAIN_S) -> None:
        """Take no new sockets and tell the open ones to reconnect (1012), spread over the time it was made with.

        Returns when they are gone and the commands that were being done are done, or `grace_s` after all were told.
        """
        self._draining = True
        await self._drain.run(self.sockets())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._work or self._sockets:
                    self._empty.clear()
                    await self._empty.wait()

    def hurry(self) -> None:
        """Drain all at once, now or when it begins."""
        self._drain.hurry()

    async def stop(self) -> None:
        """Drain what is not drained yet, without taking time over it, and end every task."""
        self.hurry()
        await self.drain()
        tasks = [*self._work, *([self._sweeping] if self._sweeping is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.presence.stop()
        await self.hub.stop()

    def listeners(self, room: RoomId) -> int:
        """How many sockets are in `room`, on all nodes together."""
        return self.hub.listeners(room)

    async def people(self, room: RoomId, after: UserId, limit: int) -> list[User]:
        """The first `limit` people in `room` with a greater id than `after`, each once, on all nodes together."""
        return await self.hub.people(room, after, limit)

    def sockets(self) -> tuple[Socket, ...]:
        """The sockets that are open now."""
        return tuple(self._sockets)

    def statistics(self) -> GatewayStatistics:
        """What goes on here now."""
        hub = self.hub.statistics()
        waiting = sum(socket.statistics().waiting_bytes for socket in self._sockets)
        return GatewayStatistics(len(self._sockets), hub.channels, hub.rooms, len(self._work), waiting)

    # --- what sockets and sessions call -------------------------------------------------------------------------

    def admit(self, upgrade: Upgrade, socket: Socket) -> Session:
        """The session for an upgrade.

        Raises Refusal `unauthorized` for a bad token, `unavailable` when draining, `overloaded` when too many are here
        or come at once, `rate_limited` when too many are here from one address or of one person.
        """
        if self._draining:
            wait_ms = scattered_ms(AWAY_MS, self._chance())
            raise Refusal("unavailable", "This server is restarting.", retry_after_ms=wait_ms)
        self.admission.arrive(len(self._sockets))
        identity = None if upgrade.token is None else self._services.verify(upgrade.token)
        home = self._proxies.home(socket.peer, upgrade.forwarded_for)
        session = Session(socket, upgrade.serializer, identity, self, home=home)
        self.admission.enter(home)
        try:
            if identity is not None and identity.user_id is not None:
                session.speak_for(identity.user_id)
        except Refusal:
            self.admission.leave(home)
            raise
        self._sockets[socket] = home
        self._sweep.add(socket)
        self.metrics.sockets.set(len(self._sockets))
        return session

    def lost(self, socket: Socket) -> None:
        """The connection of a socket is gone, admitted or not."""
        if (home := self._sockets.pop(socket, None)) is not None:
            self.admission.leave(home)
        self._sweep.remove(socket)
        self.metrics.sockets.set(len(self._sockets))
        self._empty.set()

    def channel(self, session: Session, join: Frame) -> Channel | None:
        """The channel for the topic that `join` names, or None."""
        if join.topic.startswith(ROOM_PREFIX):
            return RoomChannel(session, join, self._parts)
        if join.topic.startswith(REALTIME_PREFIX):
            room = room_of(join.topic.removeprefix(REALTIME_PREFIX))
            if room is not None:
                return ViewChannel(session, join, room, self._views)
            return RealtimeChannel(session, join, self._realtime)
        return None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` to its end, also when the socket that asked for it goes."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._worked)

    def _signed_out(self) -> None:
        """Whoever changed their own password shows this socket their new token within that time, and stays."""
        asyncio.get_running_loop().call_later(SIGNED_OUT_S, self._close_recalled)

    def _close_recalled(self) -> None:
        for socket in self.sockets():
            if socket.speaks_for(self._services.is_recalled):
                socket.close(1008, "signed out")

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        self._empty.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            _log.error("a channel's work failed", exc_info=problem)

    async def _swept(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._sweep.tick(time.monotonic(), self._services.changes())
            except Exception:
                _log.exception("a look at the sockets failed")
