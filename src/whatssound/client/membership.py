"""Being in a room and staying in it: joins, resumes, and proves that nothing is missing."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from whatssound.client.connection import Connection, Reply
from whatssound.client.cursor import Cursor
from whatssound.client.errors import BrokenOrder, Gap, Offline, Unreachable
from whatssound.client.happenings import JoinReply, RoomEvent, decode_logged, decode_reply, event_of
from whatssound.client.http import refusal_of
from whatssound.client.waits import JOIN_MS, wait_ms
from whatssound.wire import commands
from whatssound.wire.bodies import Problem
from whatssound.wire.errors import ERRORS, Refusal
from whatssound.wire.phoenix import NULL, Frame, Json

JOIN_S: Final = 20.0
"""How long a join may take before it is tried again."""

RENEWALS: Final = 2
"""How often in a row a join is tried with another token."""

_log = logging.getLogger("whatssound.client")


class RoomStatistics(NamedTuple):
    """How it went until now."""

    joins: int
    resumed: int
    """Joins after which nothing was missing."""
    reset: int
    """Joins after which the events in between were not known any more."""
    gaps: int
    repeated: int
    """`gaps` and `repeated` are faults of the server's; see `BrokenOrder`."""


class Host(Protocol):
    """What a membership uses of its client."""

    @property
    def token(self) -> str:
        """The access token."""
        ...

    async def connection(self) -> Connection:
        """The connection, once there is one."""
        ...

    async def renew(self, rejected: str) -> str:
        """Another token than `rejected`. Raises Refusal or Unreachable."""
        ...

    def chance(self) -> float:
        """A random number, 0 … 1."""
        ...


class Guest(Protocol):
    """Who is told; called on the event loop, in order, and must not block."""

    def joined(self, reply: JoinReply, missed: list[RoomEvent] | None) -> None:
        """In the room: `missed` is what happened since last time, None when that is not known (or the first time)."""
        ...

    def happened(self, event: RoomEvent) -> None:
        """An event of the room."""
        ...

    def lost(self) -> None:
        """Out of the room; it is joined again by itself."""
        ...


@dataclass
class _Life:
    """One join: where it was made, and when it is over."""

    connection: Connection
    join_ref: Json = NULL
    live: bool = False
    joined: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    over: "asyncio.Future[Refusal | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Membership:
    """One room, joined over one connection after another until `run` is cancelled or the server says no for good."""

    def __init__(self, host: Host, topic: str, guest: Guest, *, device: str | None = None) -> None:
        self.topic = topic
        self._host = host
        self._guest = guest
        self._device = device
        self._cursor: Cursor | None = None
        self._asked_after = False
        self._life: _Life | None = None
        self._entered = asyncio.Event()
        self._token = ""
        self._tries = self._renewals = 0
        self._joins = self._resumed = self._reset = self._gaps = self._repeated = 0

    @property
    def position(self) -> commands.Position | None:
        """The last event that was taken in; None while the next join is one from scratch."""
        return None if self._cursor is None else self._cursor.position

    @property
    def is_live(self) -> bool:
        """Whether the room is joined right now."""
        return self._life is not None and self._life.live

    def statistics(self) -> RoomStatistics:
        """How it went until now."""
        return RoomStatistics(self._joins, self._resumed, self._reset, self._gaps, self._repeated)

    async def run(self) -> None:
        """Join, and join again whenever that is needed. Raises the Refusal that is for good."""
        try:
            while True:
                await self._stayed(await self._host.connection())
        finally:
            self._life = None
            self._entered.set()  # whoever waits is told

    async def ask(self, name: str, payload: msgspec.Struct) -> Json:
        """Send a command once the room is joined. Raises Refusal, or Offline when the answer will not come."""
        await self._entered.wait()
        life = self._life
        if life is None:
            raise Offline("not in the room any more")
        return await life.connection.ask(self.topic, name, payload, join_ref=life.join_ref)

    def leave(self) -> None:
        """Say goodbye to the room."""
        life, self._life = self._life, None
        if life is not None and life.connection.is_open:
            life.connection.send(self.topic, "phx_leave", {}, join_ref=life.join_ref, on_reply=lambda _reply: None)
            life.connection.unsubscribe(self.topic)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _stayed(self, connection: Connection) -> None:
        """One join and what follows from its end."""
        retry_after_ms = None
        try:
            over = await self._lived(connection)
            self._tries = self._renewals = 0
            if over is not None and not _comes_back(over):
                raise over
        except (Offline, Unreachable, TimeoutError):
            pass
        except Refusal as refusal:
            if not _comes_back(refusal):
                raise
            retry_after_ms = refusal.retry_after_ms
            if refusal.code == "unauthorized":
                await self._renewed(refusal)
                return
        if connection.is_open:
            self._tries += 1
            pause_ms = wait_ms(JOIN_MS, self._tries, self._host.chance(), retry_after_ms=retry_after_ms)
            await asyncio.sleep(pause_ms / 1_000)

    async def _renewed(self, refusal: Refusal) -> None:
        if self._renewals >= RENEWALS:
            raise refusal
        try:
            await self._host.renew(self._token)
            self._renewals += 1
        except Unreachable:
            await asyncio.sleep(wait_ms(JOIN_MS, 3, self._host.chance()) / 1_000)

    async def _lived(self, connection: Connection) -> Refusal | None:
        """Join over `connection` and stay until that is over; the reason, if the server gave one."""
        self._life = life = _Life(connection)
        connection.subscribe(self.topic, self._pushed)
        self._token = self._host.token
        asked: dict[str, Any] = {"access_token": self._token}
        if self._device is not None:
            asked["device"] = self._device
        if self._cursor is not None:
            asked["after"] = self._cursor.position
        life.join_ref = connection.send(self.topic, "phx_join", asked, on_reply=self._answered)
        try:
            async with asyncio.timeout(JOIN_S):
                await life.joined
            return await life.over
        finally:
            self._entered.clear()
            connection.unsubscribe(self.topic)

    def _answered(self, reply: Reply | None) -> None:
        """The join's answer, at the moment it comes: live events are right behind it."""
        life = self._life
        if life is None or life.joined.done():
            return
        if reply is None:
            life.joined.set_exception(Offline("the connection was lost"))
        elif reply.status == "error":
            life.joined.set_exception(reply.refusal())
        else:
            self._enter(life, decode_reply(reply.response))

    def _enter(self, life: _Life, reply: JoinReply) -> None:
        first, cursor = self._joins == 0, self._cursor
        missed: list[RoomEvent] | None = None
        if cursor is not None and not reply.reset:
            try:
                missed = _followed(cursor, reply)
            except BrokenOrder as problem:
                self._broken(problem)
        if missed is not None:
            self._resumed += 1
        elif not first:
            self._reset += 1
        self._joins += 1
        self._cursor = Cursor(reply.position)
        life.live = True
        life.joined.set_result(None)
        self._guest.joined(reply, missed)
        self._entered.set()

    def _pushed(self, frame: Frame | None) -> None:
        life = self._life
        if life is None:
            return
        if frame is None:
            self._over(life, None)
        elif frame.join_ref in (NULL, life.join_ref):
            if frame.event in ("phx_close", "phx_error"):
                self._over(life, _reason(frame))
            elif life.live:
                self._take(life, frame)

    def _take(self, life: _Life, frame: Frame) -> None:
        logged = decode_logged(frame.payload)
        if logged.seq and self._cursor is not None:
            try:
                self._cursor.follow(seq=logged.seq, prev=logged.prev, key=logged.key)
            except Gap as gap:
                self._broken(gap)
                self._cursor = None
                self._over(life, None)
                return
            except BrokenOrder as problem:
                self._broken(problem)
                return
        self._guest.happened(event_of(frame.event, frame.payload))

    def _over(self, life: _Life, reason: Refusal | None) -> None:
        """This join is over; `run` sees to the next one."""
        if life.over.done():
            return
        if not life.joined.done():
            life.joined.set_exception(reason or Offline("the room was closed while it was joined"))
        life.over.set_result(reason)
        if life.live:
            life.live = False
            self._entered.clear()
            self._guest.lost()

    def _broken(self, problem: BrokenOrder) -> None:
        if isinstance(problem, Gap):
            self._gaps += 1
        else:
            self._repeated += 1
        _log.warning("%s: %s", self.topic, problem)


def _followed(cursor: Cursor, reply: JoinReply) -> list[RoomEvent]:
    """The events that a resume brought, each following the one before, up to the position that the reply shows.

    Raises BrokenOrder when they do not.
    """
    missed: list[RoomEvent] = []
    for name, payload in reply.events:
        logged = decode_logged(payload)
        cursor.follow(seq=logged.seq, prev=logged.prev, key=logged.key)
        missed.append(event_of(name, payload))
    if cursor.position != reply.position:
        raise Gap(at=cursor.position.seq, prev=cursor.position.seq, seq=reply.position.seq)
    return missed


def _comes_back(refusal: Refusal) -> bool:
    return refusal.code == "unauthorized" or ERRORS[refusal.code].retry


def _reason(frame: Frame) -> Refusal | None:
    """Why the server ended the channel; None when it does not say: join again."""
    try:
        return refusal_of(msgspec.json.decode(frame.payload, type=Problem))
    except msgspec.MsgspecError:
        return None
