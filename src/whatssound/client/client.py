"""A connection to one server that comes back by itself, and the rooms that are joined over it."""

import asyncio
import contextlib
import logging
import random
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from whatssound.client.connection import Connection
from whatssound.client.errors import NotAnswered, Offline, Unreachable
from whatssound.client.http import Api
from whatssound.client.room import Room
from whatssound.client.server_clock import ClockAnswer, ServerClock
from whatssound.client.sign_in import Login, SignIn
from whatssound.client.waits import CONNECT_MS, wait_after_close_ms, wait_ms
from whatssound.wire import commands
from whatssound.wire.bodies import Account, RoomBody
from whatssound.wire.errors import Refusal

_log = logging.getLogger("whatssound.client")


class ClientStatistics(NamedTuple):
    """How it went until now."""

    connections: int
    """Sockets that were opened."""
    failed: int
    """Tries to open one that failed."""
    closed_with: tuple[tuple[int, int], ...]
    """Close codes and how often each came; 1006 is a connection that broke."""


def connect(
    url: str, *, token: str | None = None, guest: str | None = None, login: tuple[str, str] | None = None
) -> "Client":
    """A client for the server at `url`, its address as people open it; use it with `async with`.

    `token`: an access token, good for an hour (`whatssound token` prints one). `guest`: a name; a new guest each time.
    `login`: name and password of an account. Tokens of guests and accounts are renewed at 80 % of their life.
    Raises ValueError unless exactly one is given.
    """
    api = Api(url)
    return Client(api, SignIn(api, token=token, guest=guest, login=None if login is None else Login(*login)))


class Client:
    """Entering signs in and opens the socket: raises Refusal (`unauthorized`, …) or Unreachable.

    From then on a lost connection is opened again, for as long as it takes, with jittered and growing waits.
    """

    def __init__(self, api: Api, sign_in: SignIn) -> None:
        self._api = api
        self._sign_in = sign_in
        self._clock = ServerClock(self._ask_clock)
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._rooms: set[Room] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._left = False
        self._opened = self._failed = 0
        self._closes: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        await self._sign_in.open()
        first = await Connection.open(self._api.socket_url)
        works = (self._kept_open(first), self._clock.run(), self._kept_signed_in())
        self._use(first)
        self._tasks = [asyncio.create_task(work) for work in works]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._connected.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()

    # --- what people use ----------------------------------------------------------------------------------------

    def join(self, room: str, *, device: str | None = None) -> Room:
        """A room by its id or slug, the last part of its link; use it with `async with`.

        `device` names this program among the DJ's devices: who plays needs one.
        """
        return Room(self, room, device=device)

    @property
    def account(self) -> Account | None:
        """Who you are; None with a token that was given."""
        return self._sign_in.account

    def server_now_ms(self) -> float:
        """Server time in Unix ms: the machine's own clock until a room was joined."""
        return self._clock.now_ms()

    def clock_doubt_ms(self) -> float | None:
        """How far `server_now_ms` may be wrong; None before the first measurement."""
        return self._clock.doubt_ms()

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask the HTTP API (`/docs` on every server): `await client.call("POST", "/v1/rooms", {"title": "Friday"})`.

        The decoded answer. Raises Refusal or Unreachable.
        """
        answer = await self._authorized(method, path, body)
        return msgspec.json.decode(answer) if answer else None

    async def renew(self, rejected: str | None = None) -> str:
        """Another access token than `rejected` (the one in use); done by itself in time."""
        token = await self._sign_in.renew(self.token if rejected is None else rejected)
        await self._show_token()
        return token

    def statistics(self) -> ClientStatistics:
        """How it went until now."""
        return ClientStatistics(self._opened, self._failed, tuple(sorted(self._closes.items())))

    # --- what rooms use -----------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """The access token."""
        return self._sign_in.token

    async def connection(self) -> Connection:
        """The connection, once there is one. Raises Offline when the client was left."""
        while True:
            await self._connected.wait()
            if self._left or self._connection is None:
                raise Offline("the client was left")
            if self._connection.is_open:
                return self._connection
            self._connected.clear()

    async def room_id(self, name: str) -> str:
        """The id of the room with this id or slug."""
        if name.isascii() and name.isdigit():
            return name
        return msgspec.json.decode(await self.get(f"/v1/rooms/{name}"), type=RoomBody).room.id

    async def get(self, path: str) -> bytes:
        """The body at `path`."""
        return await self._authorized("GET", path, None)

    def chance(self) -> float:
        """A random number, 0 … 1."""
        return random.random()

    def entered(self, room: Room) -> None:
        """`room` was joined: its socket answers `clock`."""
        self._rooms.add(room)
        self._clock.burst()

    def left(self, room: Room) -> None:
        """`room` was left."""
        self._rooms.discard(room)

    # --- inside -------------------------------------------------------------------------------------------------

    def _use(self, connection: Connection) -> None:
        self._opened += 1
        self._connection = connection
        self._connected.set()

    async def _kept_open(self, connection: Connection) -> None:
        while True:
            code, reason = await connection.closed()
            self._connected.clear()
            self._closes[code] = self._closes.get(code, 0) + 1
            _log.info("the connection was closed: %d %s", code, reason)
            await asyncio.sleep(wait_after_close_ms(code, reason, self.chance()) / 1_000)
            connection = await self._opened_again()
            self._use(connection)

    async def _opened_again(self) -> Connection:
        tries = 0
        while True:
            tries += 1
            retry_after_ms = None
            try:
                return await Connection.open(self._api.socket_url)
            except Refusal as refusal:  # a server that restarts, or a proxy before one that is not there
                retry_after_ms = refusal.retry_after_ms
            except Unreachable:
                pass
            self._failed += 1
            await asyncio.sleep(wait_ms(CONNECT_MS, tries, self.chance(), retry_after_ms=retry_after_ms) / 1_000)

    async def _kept_signed_in(self) -> None:
        loop, tries = asyncio.get_running_loop(), 0
        while (due_s := self._sign_in.due_in_s(loop.time())) is not None:
            if due_s > 0:
                await asyncio.sleep(due_s)
                continue
            try:
                await self.renew()
                tries = 0
            except (Refusal, Unreachable) as problem:
                # The token lives on for a fifth of its life; once it is over, the rooms' joins say so.
                tries += 1
                _log.warning("the sign-in was not renewed: %s", problem)
                await asyncio.sleep(wait_ms(CONNECT_MS, tries + 3, self.chance()) / 1_000)

    async def _show_token(self) -> None:
        """One room is enough: the server takes a newer token for the whole socket."""
        for room in self._rooms:
            if room.is_live:
                with contextlib.suppress(Refusal, Offline, NotAnswered):
                    await room.do(commands.AccessToken(self.token))
                    return

    async def _authorized(self, method: str, path: str, body: object) -> bytes:
        token = self.token
        try:
            return await self._api.call(method, path, body, token=token)
        except Refusal as refusal:
            if refusal.code != "unauthorized":
                raise
        return await self._api.call(method, path, body, token=await self.renew(token))

    async def _ask_clock(self, t1: float) -> ClockAnswer | None:
        for room in self._rooms:
            if room.is_live:
                with contextlib.suppress(Refusal):
                    return await room.clock(t1)
        return None
