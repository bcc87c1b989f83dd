"""The whole way of a socket, for tests: uvicorn, gateway, rooms and chat over real SQLite, in the test's own loop."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clients import SocketClient
from gateway_server import serving
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.adapters.messages_sqlite.store import SqliteMessages
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.addresses import Proxies
from whatssound.bus.bus import Bus
from whatssound.bus.log import RoomLog
from whatssound.bus.timeline import Timeline
from whatssound.config import Limits
from whatssound.gateway import Gateway, LocalServices
from whatssound.gateway.flusher import Flusher
from whatssound.ids import Snowflakes, TrackId
from whatssound.messages.service import MessageService
from whatssound.realtime.kept import KeptBroadcasts, KeptLimits
from whatssound.realtime.policy import Policy, default_policy
from whatssound.rooms.catalog import TrackNow
from whatssound.rooms.homes import Homes
from whatssound.rooms.room import Room
from whatssound.rooms.service import RoomService
from whatssound.wire import events

KEPT_LIMITS = KeptLimits(life_ms=72 * 3_600_000, payload_bytes=50_000)
TOKEN_KEY, HOMES_KEY = b"k" * 32, b"h" * 32
PUBLISHABLE_KEY = "sb_publishable_rig"


class ManualTimeline(Timeline):
    """Server time that only a test moves."""

    __slots__ = ("ms",)

    def __init__(self) -> None:
        super().__init__()
        self.ms = 1_800_000_000_000.0

    def now_ms(self) -> float:
        return self.ms


class Crate:
    """A catalog in which every id is a minute of music."""

    async def playable(self, track_id: TrackId) -> events.Track:
        return events.Track(id=str(track_id), title=f"Track {track_id}", duration_ms=60_000)

    async def current(self, track_ids: Sequence[TrackId]) -> list[TrackNow]:
        return [TrackNow(await self.playable(track_id)) for track_id in track_ids]

    async def upcoming(self, track_ids: Sequence[TrackId]) -> None:
        pass

    def sign(self, track: events.Track) -> events.Track:
        return events.Track(track.id, track.title, duration_ms=track.duration_ms, hls=f"/audio/{track.id}?sig=1")


@dataclass(frozen=True)
class Rig:
    """A server and what lies behind it."""

    port: int
    gateway: Gateway
    accounts: Accounts
    tokens: AccessTokens
    rooms: RoomService
    messages: MessageService
    kept: KeptBroadcasts
    log: RoomLog
    bus: Bus
    time: ManualTimeline
    dj: User

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, user: User | None = None, *, ttl_s: float = 3_600, supabase: bool = False) -> SocketClient:
        """A socket for `user`, or for a reader; use it with `async with`."""
        return SocketClient(self.url, self.accounts.token_for(user, ttl_s=ttl_s), supabase=supabase)

    async def guest(self, name: str) -> User:
        return (await self.accounts.guest(name))[0]

    async def room(self, title: str = "Friday") -> Room:
        return await self.rooms.create(self.dj, title, events.Settings())


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    limits: Limits | None = None,
    log: RoomLog | None = None,
    bus: Bus | None = None,
    ticking: bool = True,
    proxies: Sequence[str] = (),
    flusher: Flusher | None = None,
    drain_s: float = 0.0,
    policy: Policy = default_policy,
    private_only: bool = False,
) -> AsyncIterator[Rig]:
    """The rig over `folder`. Without `ticking` the gateway's timers are the test's to turn."""
    async with AsyncExitStack() as stack:
        time = ManualTimeline()
        file = folder / "whatssound.sqlite3"
        migrations.upgrade(sqlite_url(file, driver="pysqlite"))
        database = Database(sqlite_url(file))
        stack.push_async_callback(database.close)
        ids, log, bus = Snowflakes(time.now_ms), log or MemoryLog("first"), bus or MemoryBus()
        tokens = AccessTokens(TOKEN_KEY, now_ms=time.now_ms, publishable=[PUBLISHABLE_KEY])
        accounts = Accounts(SqlAccounts(database), tokens, new_id=ids.next, now_ms=time.now_ms)
        store = await stack.enter_async_context(await SqliteMessages.open(folder / "m.sqlite3", now_ms=time.now_ms))
        messages = MessageService(store, ids, now_ms=time.now_ms)
        rooms = RoomService(
            SqlRooms(database),
            log,
            messages,
            Crate(),
            ids,
            homes=Homes(SqlHomeBans(database), key=HOMES_KEY, now_ms=time.now_ms),
            plays=SqlPlays(database),
            owner="test",
            person=accounts.person,
            now_ms=time.now_ms,
            random_bits=secrets.randbits,
        )
        stack.push_async_callback(rooms.stop)
        kept = KeptBroadcasts(
            store.kept(per_topic=100, most_bytes=10_000_000), bus, ids, KEPT_LIMITS, now_ms=time.now_ms
        )
        gateway = Gateway(
            limits=limits or Limits(),
            services=LocalServices(accounts, rooms, kept),
            log=log,
            bus=bus,
            timeline=time,
            proxies=Proxies.of(proxies),
            flusher=flusher,
            drain_s=drain_s,
            policy=policy,
            private_only=private_only,
        )
        if ticking:
            await gateway.start()
        port = await stack.enter_async_context(serving(gateway.protocol_factory))
        stack.push_async_callback(gateway.stop)
        yield Rig(port, gateway, accounts, tokens, rooms, messages, kept, log, bus, time, await accounts.owner())
