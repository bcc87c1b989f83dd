"""Builds the object graph of one process: the only file that names adapters."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Litestar
from prometheus_client import CollectorRegistry, generate_latest

from whatssound.accounts.departures import Departures
from whatssound.accounts.invitations import Invitations
from whatssound.accounts.known import REMEMBERED_CHANGES, PeopleNews
from whatssound.accounts.members import Members
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import ACCESS_LIFE_S, AccessTokens
from whatssound.adapters.argon2_passwords import Argon2Passwords
from whatssound.adapters.blobs_files import FileBlobs
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.library_catalog import LibraryCatalog
from whatssound.adapters.media.encoder import ChildEncoder, composed
from whatssound.adapters.media.reader import ChildReader
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.adapters.network import links_here
from whatssound.adapters.process_metrics import page_of_all
from whatssound.adapters.secret_file import Secret, open_secret
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.encoded import SqlEncoded
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.leases import SqlLeases
from whatssound.adapters.sql.members import SqlMembers
from whatssound.adapters.sql.migrations import upgrade
from whatssound.adapters.sql.newest import newest_id
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.adapters.sql.saved_queues import SqlSavedQueues
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.addresses import Proxies
from whatssound.audio.cache import Cache
from whatssound.audio.demo import Demo
from whatssound.audio.edge import Edge
from whatssound.audio.ingest import Ingest
from whatssound.audio.keys import Keys
from whatssound.audio.library import Library
from whatssound.audio.removal import Removal
from whatssound.audio.renditions import Renditions
from whatssound.audio.rescans import Rescans
from whatssound.bus.bus import Bus
from whatssound.bus.leases import LeasedSnowflakes, NodeLease
from whatssound.bus.log import RoomLog
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.gateway import Gateway, LocalServices
from whatssound.http.app import build_app
from whatssound.http.services import Services
from whatssound.http.uploads import forget_abandoned
from whatssound.ids import Snowflakes, ms_of
from whatssound.messages.service import MessageService
from whatssound.remote.owner import Owner
from whatssound.rooms.homes import Homes
from whatssound.rooms.saved_queues import SavedQueues
from whatssound.rooms.service import RoomService
from whatssound.wires import Wires, server_time, wires


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process runs."""

    config: Config
    folder: DataFolder
    accounts: Accounts
    rooms: RoomService
    library: Library
    rescans: Rescans
    demo: Demo
    gateway: Gateway
    http: Litestar
    registry: CollectorRegistry


@dataclass(frozen=True, slots=True)
class Together:
    """What the process that owns the files has from others of the same server."""

    lock: int
    """A descriptor that holds the data folder's lock."""
    nats: Sequence[str]
    gateways: Sequence[str]
    """The names of the processes that only hold sockets."""
    missing: Callable[[], Sequence[str]]
    """Those of them that are not there now."""


@dataclass(frozen=True, slots=True)
class _Foundation:
    """What everything else stands on."""

    config: Config
    folder: DataFolder
    secret: Secret
    database: Database
    timeline: Timeline
    ids: Snowflakes
    registry: CollectorRegistry


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Rooms, and what people say in them."""

    service: RoomService
    messages: MessageService


@dataclass(frozen=True, slots=True)
class People:
    """Those who are here: by name only, with a password, by invitation, and on their way out."""

    accounts: Accounts
    members: Members
    invitations: Invitations
    departures: Departures


@dataclass(frozen=True, slots=True)
class _Audio:
    """Music: what there is, what is made of it, what players get."""

    library: Library
    edge: Edge
    ingest: Ingest
    cache: Cache


@asynccontextmanager
async def running(config: Config, together: Together | None = None) -> AsyncGenerator[Parts]:
    """Every part of the server, started; stopped in reverse order on leaving.

    Raises StartError, with advice, when the data folder or a NATS server cannot be used.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(config.data, lock=together.lock if together else None))
        forget_abandoned(folder.uploads)
        registry = CollectorRegistry()
        nats = together.nats if together else config.nats
        between = await stack.enter_async_context(wires(nats, name="whatssound owner", registry=registry))
        timeline = await _server_time(between, together, registry, stack)
        base = await _foundation(config, folder, timeline, registry, stack)
        people = await _people(base, stack)
        accounts = people.accounts
        audio = await _audio(base, stack)
        library, edge = audio.library, audio.edge
        rescans = _rescans(base, library)
        rooms = await _rooms(base, accounts, audio, between.log, stack)
        proxies = Proxies.of(config.trusted_proxies)
        gateway = Gateway(
            limits=config.limits,
            services=LocalServices(accounts, rooms.service),
            log=between.log,
            bus=between.bus,
            timeline=base.timeline,
            proxies=proxies,
            registry=base.registry,
            drain_s=config.drain_s,
            node="owner",
        )
        _show(base, "admission", gateway.admission.statistics)
        _show(base, "joins", gateway.snapshots.statistics)
        _show(base, "flushing", gateway.hub.flushing)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        if together is not None:
            asked = Owner(between.bus, accounts, rooms.service, epoch=secrets.token_hex(8))
            await stack.enter_async_context(asked)
            _show(base, "answering_gateways", asked.statistics)
        saved_queues = SavedQueues(
            SqlSavedQueues(base.database), library.several, new_id=base.ids.next, now_ms=base.timeline.now_ms
        )
        people.departures.on_gone(rooms.service.forget_person)
        people.departures.on_gone(saved_queues.forget_person)
        people.departures.on_gone(library.remove_uploads_of)
        people.departures.on_gone(rooms.messages.forget_author)
        await stack.enter_async_context(people.departures)
        await stack.enter_async_context(accounts.sightings)
        http = build_app(
            Services(
                accounts=accounts,
                members=people.members,
                invitations=people.invitations,
                departures=people.departures,
                rooms=rooms.service,
                saved_queues=saved_queues,
                messages=rooms.messages,
                library=library,
                rescans=rescans,
                edge=edge,
                listeners=gateway.listeners,
                not_ready=lambda: _not_ready(base.database, between, gateway),
                missing=together.missing if together else tuple,
                metrics=lambda: _figures(base.registry, between.bus, together),
                upload_folder=folder.uploads,
                now_ms=base.timeline.now_ms,
                limits=config.limits,
                proxies=proxies,
                people=config.people,
                links=lambda: links_here(config),
                public_path=config.public_path,
            )
        )
        yield Parts(
            config,
            folder,
            accounts,
            rooms.service,
            library,
            rescans,
            _demo(base, library),
            gateway,
            http,
            base.registry,
        )


async def _server_time(
    between: Wires, together: Together | None, registry: CollectorRegistry, stack: AsyncExitStack
) -> Timeline:
    """This process's own time when it is alone; otherwise the one that it and its gateway processes agree on."""
    if together is None:
        return Timeline()
    timeline, clock = await stack.enter_async_context(server_time(between, "owner", owns=True, registry=registry))
    await clock.ready()
    return timeline


async def _foundation(
    config: Config, folder: DataFolder, timeline: Timeline, registry: CollectorRegistry, stack: AsyncExitStack
) -> _Foundation:
    secret = open_secret(folder.secret, jwt_secret=config.jwt_secret)
    upgrade(sqlite_url(folder.database, driver="pysqlite"))
    database = Database(sqlite_url(folder.database))
    stack.push_async_callback(database.close)
    ids = LeasedSnowflakes(timeline.now_ms, floor_ms=ms_of(await newest_id(database)) + 1)
    lease = NodeLease(SqlLeases(database), ids, holder=secrets.token_hex(8), now_ms=timeline.now_ms)
    await stack.enter_async_context(lease)
    registry.register(StatisticsCollector("node_lease", lease.statistics))
    return _Foundation(config, folder, secret, database, timeline, ids, registry)


def _accounts(base: _Foundation) -> Accounts:
    tokens = AccessTokens(base.secret.derive("jwt"), now_ms=base.timeline.now_ms)
    return Accounts(
        SqlAccounts(base.database),
        tokens,
        new_id=base.ids.next,
        now_ms=base.timeline.now_ms,
        people=base.config.people,
    )


async def _people(base: _Foundation, stack: AsyncExitStack) -> People:
    accounts, store, now_ms = _accounts(base), SqlMembers(base.database), base.timeline.now_ms
    await _remember(accounts, store, SqlAccounts(base.database), since_ms=int(now_ms()) - ACCESS_LIFE_S * 1_000)
    _show(base, "sightings", accounts.sightings.statistics)
    passwords = Argon2Passwords()
    stack.push_async_callback(passwords.close)
    _show(base, "passwords", passwords.statistics)
    people = base.config.people
    return People(
        accounts,
        Members(accounts, store, passwords, people=people, new_id=base.ids.next, now_ms=now_ms),
        Invitations(accounts, store, new_id=base.ids.next, now_ms=now_ms),
        Departures(accounts, store, now_ms=now_ms),
    )


async def _remember(accounts: Accounts, members: SqlMembers, store: SqlAccounts, *, since_ms: int) -> None:
    """What happened to people while tokens were given out that may still be in use: those are then believed."""
    recalled, changed = await members.recalled_since(since_ms), await store.changed_since(since_ms)
    if len(changed) < REMEMBERED_CHANGES:
        accounts.known.catch_up(PeopleNews(recalled, list(changed), since_ms))
    else:
        accounts.recalled(recalled)


async def _audio(base: _Foundation, stack: AsyncExitStack) -> _Audio:
    store, blobs = SqlTracks(base.database), FileBlobs(base.folder.blobs)
    keys = Keys(base.secret.derive, base.timeline.now_ms)
    renditions, encoded = Renditions(blobs), SqlEncoded(base.database)
    cache = Cache(encoded, blobs, renditions, limit_bytes=base.config.cache_bytes, now_ms=base.timeline.now_ms)
    ingest = Ingest(
        store,
        ChildEncoder(base.config.encoder),
        blobs,
        encoded=encoded,
        keys=keys,
        cache=cache,
        renditions=renditions,
        work=base.folder.root / "work",
    )
    await ingest.start()
    stack.push_async_callback(ingest.stop)
    reader = ChildReader(nice=base.config.encoder.nice)
    stack.push_async_callback(reader.stop)
    library = Library(
        store,
        ingest,
        blobs,
        renditions=renditions,
        removal=Removal(store, encoded, ingest, blobs, cache=cache),
        keys=keys,
        ids=base.ids,
        reader=reader,
        uploads=base.folder.uploads,
        now_ms=base.timeline.now_ms,
        public_path=base.config.public_path,
    )
    _show(base, "encodes", ingest.statistics)
    _show(base, "cache", cache.statistics)
    edge = Edge(library, store, ingest, blobs, renditions=renditions, keys=keys, cache=cache)
    return _Audio(library, edge, ingest, cache)


async def _rooms(base: _Foundation, accounts: Accounts, audio: _Audio, log: RoomLog, stack: AsyncExitStack) -> _Rooms:
    library = audio.library
    now_ms, limits = base.timeline.now_ms, base.config.limits
    kept = await stack.enter_async_context(await SqliteMessages.open(base.folder.messages, now_ms=now_ms))
    messages = MessageService(
        kept, base.ids, now_ms=now_ms, user_per_10s=limits.chat_user_per_10s, room_per_s=limits.chat_room_per_s
    )
    service = RoomService(
        SqlRooms(base.database),
        log,
        messages,
        LibraryCatalog(library),
        base.ids,
        homes=Homes(SqlHomeBans(base.database), key=base.secret.derive("homes"), now_ms=now_ms),
        plays=SqlPlays(base.database),
        owner=secrets.token_hex(8),
        person=accounts.person,
        now_ms=now_ms,
        random_bits=secrets.randbits,
        people=base.config.people,
    )
    accounts.on_changed(service.renamed)
    library.on_changed(lambda track: service.track_changed(library.wire_track(track), failed=track.status == "failed"))
    audio.cache.pinned_by(service.queued_tracks)
    await service.start()
    stack.push_async_callback(service.stop)
    _show(base, "rooms", service.statistics)
    _show(base, "message_writer", kept.statistics)
    return _Rooms(service, messages)


def _rescans(base: _Foundation, library: Library) -> Rescans:
    every_s = base.config.rescan_hours * 3600
    rescans = Rescans(base.config.libraries, library.scanner, every_s=every_s, now_ms=base.timeline.now_ms)
    _show(base, "library", rescans.statistics)
    return rescans


def _demo(base: _Foundation, library: Library) -> Demo:
    async def compose(name: str, folder: Path) -> Path:
        return await composed(name, folder, base.config.encoder)

    return Demo(library, compose, base.folder.demo)


def _show(base: _Foundation, part: str, statistics: Callable[[], Any]) -> None:
    base.registry.register(StatisticsCollector(part, statistics))


async def _not_ready(database: Database, between: Wires, gateway: Gateway) -> Sequence[str]:
    reasons = ["it is stopping"] if gateway.draining else []
    if not between.connected():
        reasons.append("there is no connection to NATS")
    try:
        await newest_id(database)
    except OSError as problem:
        reasons.append(f"the database cannot be read: {problem}")
    return reasons


async def _figures(registry: CollectorRegistry, bus: Bus, together: Together | None) -> bytes:
    # On the event loop, where collectors may read what they count.
    if together is None:
        return generate_latest(registry)
    return await page_of_all(registry, bus, name="owner", others=together.gateways)


@asynccontextmanager
async def people_of(config: Config) -> AsyncGenerator[People]:
    """The people of a data folder, whether or not its server runs. Raises DataFolderError."""
    folder = DataFolder(config.data)
    folder.make()
    async with AsyncExitStack() as stack:
        yield await _people(await _foundation(config, folder, Timeline(), CollectorRegistry(), stack), stack)
