"""The HTTP application over real services on real SQLite, for tests that talk to it as a client does."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from prometheus_client import CollectorRegistry, Counter, generate_latest

from whatssound.accounts.departures import Departures
from whatssound.accounts.invitations import Invitations
from whatssound.accounts.members import Members
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import AccessTokens
from whatssound.adapters.argon2_passwords import Argon2Passwords
from whatssound.adapters.blobs_files import FileBlobs
from whatssound.adapters.library_catalog import LibraryCatalog
from whatssound.adapters.media.encoder import ChildEncoder
from whatssound.adapters.media.thread_reader import ThreadReader
from whatssound.adapters.memory import MemoryBus, MemoryLog
from whatssound.adapters.messages_sqlite.store import SqliteMessages
from whatssound.adapters.secret_file import open_secret
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.encode_jobs import SqlEncodeJobs
from whatssound.adapters.sql.encoded import SqlEncoded
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.members import SqlMembers
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.adapters.sql.saved_queues import SqlSavedQueues
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.addresses import Proxies
from whatssound.audio.cache import Cache
from whatssound.audio.edge import Edge
from whatssound.audio.ingest import Ingest
from whatssound.audio.keys import Keys
from whatssound.audio.library import Library
from whatssound.audio.removal import Removal
from whatssound.audio.renditions import Renditions
from whatssound.audio.rescans import Rescans
from whatssound.config import EncoderLimits, Limits, People
from whatssound.http.app import build_app
from whatssound.http.services import Services
from whatssound.ids import RoomId, Snowflakes, UserId
from whatssound.messages.service import MessageService
from whatssound.realtime.access import Access
from whatssound.realtime.kept import KeptBroadcasts, KeptLimits
from whatssound.realtime.load import Load
from whatssound.realtime.policy import default_policy
from whatssound.rooms.homes import Homes
from whatssound.rooms.saved_queues import SavedQueues
from whatssound.rooms.service import RoomService
from whatssound.wire import events

PRESENT = [events.User("3", "Ana"), events.User("5", "Ben", "moderator"), events.User("8", "Cid")]
"""Who hears every room."""


class ServerTime:
    """Server time that a test moves; it begins at the wall clock, which signed paths are compared with."""

    def __init__(self, now_ms: float = 1_800_000_000_000.0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms


@dataclass(frozen=True)
class Rig:
    """The application, what lies behind it, and a client."""

    app: Litestar
    services: Services
    client: httpx.AsyncClient
    time: ServerTime
    data: Path

    @property
    def tokens(self) -> AccessTokens:
        """Whose tokens are taken."""
        return self.services.accounts._tokens

    async def owner(self) -> dict[str, str]:
        """Headers of the server's owner."""
        _, tokens = await self.services.accounts.owner_by_code(await self.services.accounts.new_owner_code())
        return bearer(tokens.access_token)

    async def guest(self, name: str = "Ana") -> dict[str, str]:
        """Headers of a new guest."""
        return bearer((await self.services.accounts.guest(name))[1].access_token)

    def reader(self) -> dict[str, str]:
        """Headers of a token without a person."""
        return bearer(self.services.accounts.token_for(None))

    async def room(self, title: str = "Friday", **settings: Any) -> dict[str, Any]:
        """A room that the owner opened."""
        body = {"title": title, "settings": settings}
        return (await self.client.post("/v1/rooms", json=body, headers=await self.owner())).json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _ready() -> Sequence[str]:
    return ()


@asynccontextmanager
async def opened(
    data: Path,
    *,
    limits: Limits | None = None,
    people: People | None = None,
    encoding: bool = False,
    not_ready: Callable[[], Awaitable[Sequence[str]]] = _ready,
    page: Path | None = None,
    proxies: Sequence[str] = (),
) -> AsyncIterator[Rig]:
    """The rig over the folder `data`; without `encoding`, uploads are kept and wait for ever."""
    async with AsyncExitStack() as stack:
        time = ServerTime()
        services = replace(
            await _services(stack, data, time, limits or Limits(), people or People(), encoding=encoding),
            not_ready=not_ready,
            page=page or data / "no-page",
            proxies=Proxies.of(proxies),
        )
        app = build_app(services)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("203.0.113.9", 50_000))
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        yield Rig(app, services, client, time, data)


async def _services(
    stack: AsyncExitStack, data: Path, time: ServerTime, limits: Limits, people: People, *, encoding: bool
) -> Services:
    file = data / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    stack.push_async_callback(database.close)
    secret, ids = open_secret(data / "secret"), Snowflakes(time)
    accounts = Accounts(
        SqlAccounts(database),
        AccessTokens(secret.derive("jwt"), now_ms=time),
        new_id=ids.next,
        now_ms=time,
        people=people,
    )
    members, passwords = SqlMembers(database), Argon2Passwords(memory_kib=64)
    stack.push_async_callback(passwords.close)
    store = await stack.enter_async_context(await SqliteMessages.open(data / "messages.sqlite3", now_ms=time))
    messages = MessageService(store, ids, now_ms=time)
    library, edge = await _audio(stack, data, database, ids, Keys(secret.derive, time), encoding=encoding, time=time)
    rooms = RoomService(
        SqlRooms(database),
        MemoryLog("test"),
        messages,
        LibraryCatalog(library),
        ids,
        homes=Homes(SqlHomeBans(database), key=secret.derive("homes"), now_ms=time),
        plays=SqlPlays(database),
        owner="test",
        person=accounts.person,
        now_ms=time,
        random_bits=secrets.randbits,
        people=people,
    )
    stack.push_async_callback(rooms.stop)
    departures = await stack.enter_async_context(Departures(accounts, members, now_ms=time))
    departures.on_gone(library.remove_uploads_of)
    departures.on_gone(messages.forget_author)
    bus = MemoryBus()
    kept = KeptBroadcasts(
        store.kept(per_topic=100, most_bytes=10_000_000), bus, ids, KeptLimits(3_600_000, 50_000), now_ms=time
    )
    registry = CollectorRegistry()
    Counter("whatssound_tests", "So that there is something to see.", registry=registry).inc()

    async def page_of_figures() -> bytes:
        return generate_latest(registry)

    return Services(
        accounts=accounts,
        members=Members(accounts, members, passwords, people=people, new_id=ids.next, now_ms=time),
        invitations=Invitations(accounts, members, new_id=ids.next, now_ms=time),
        departures=departures,
        rooms=rooms,
        saved_queues=SavedQueues(SqlSavedQueues(database), library.several, new_id=ids.next, now_ms=time),
        messages=messages,
        library=library,
        rescans=Rescans((), library.scanner, every_s=None, now_ms=time),
        edge=edge,
        listeners=lambda _room: 7,
        present=_present,
        not_ready=_ready,
        metrics=page_of_figures,
        access=Access(accounts.verify, default_policy, is_recalled=accounts.is_recalled),
        bus=bus,
        kept=kept,
        load=Load(limits, now_s=lambda: time.now_ms / 1_000),
        upload_folder=data / "uploads" / "tmp",
        now_ms=time,
        limits=limits,
        people=people,
    )


async def _present(_room: RoomId, after: UserId, limit: int) -> list[events.User]:
    return [person for person in PRESENT if int(person.id) > after][:limit]


async def _audio(
    stack: AsyncExitStack,
    data: Path,
    database: Database,
    ids: Snowflakes,
    keys: Keys,
    *,
    encoding: bool,
    time: ServerTime,
) -> tuple[Library, Edge]:
    (data / "uploads").mkdir(exist_ok=True)
    (data / "blobs").mkdir(exist_ok=True)
    tracks, blobs = SqlTracks(database), FileBlobs(data / "blobs")
    renditions, encoded = Renditions(blobs), SqlEncoded(database)
    cache = Cache(encoded, blobs, renditions, limit_bytes=10**12, now_ms=time)
    ingest = Ingest(
        tracks,
        ChildEncoder(EncoderLimits()),
        blobs,
        jobs=SqlEncodeJobs(database),
        encoded=encoded,
        keys=keys,
        cache=cache,
        renditions=renditions,
        work=data / "work",
        holder="owner/1",
        now_ms=time,
    )
    if encoding:
        await ingest.start()
        stack.push_async_callback(ingest.stop)
    library = Library(
        tracks,
        ingest,
        blobs,
        renditions=renditions,
        removal=Removal(tracks, encoded, ingest, blobs, cache=cache),
        keys=keys,
        ids=ids,
        reader=ThreadReader(),
        uploads=data / "uploads",
        now_ms=time,
    )
    return library, Edge(library, tracks, ingest, blobs, renditions=renditions, keys=keys, cache=cache)
