"""Builds the object graph of the process that owns the files, alone or beside gateway processes."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar
from prometheus_client import CollectorRegistry, generate_latest

from whatssound.accounts.service import Accounts
from whatssound.adapters.blobs_files import FileBlobs
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.library_catalog import LibraryCatalog
from whatssound.adapters.media.encoder import ChildEncoder, composed
from whatssound.adapters.media.reader import ChildReader
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.adapters.network import links_here
from whatssound.adapters.process_metrics import page_of_all
from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.encode_jobs import SqlEncodeJobs
from whatssound.adapters.sql.encoded import SqlEncoded
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.newest import newest_id
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.adapters.sql.saved_queues import SqlSavedQueues
from whatssound.adapters.sql.tracks import SqlTracks
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
from whatssound.bus.nodes import node_name
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.credentials import key_set_followed
from whatssound.foundation import Foundation, foundation
from whatssound.gateway import Gateway, LocalServices
from whatssound.http.app import build_app
from whatssound.http.services import Services
from whatssound.http.uploads import forget_abandoned
from whatssound.messages.service import MessageService
from whatssound.people import People, people
from whatssound.realtime.kept import KeptBroadcasts, KeptLimits
from whatssound.remote.owner import Owner
from whatssound.rooms.homes import Homes
from whatssound.rooms.saved_queues import SavedQueues
from whatssound.rooms.service import RoomService
from whatssound.sockets import sockets
from whatssound.wires import Wires, new_server, server_time, wires


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

    server: str
    """What the server is called on the bus."""
    lock: int
    """A descriptor that holds the data folder's lock."""
    nats: Sequence[str]
    gateways: Sequence[str]
    """The names of the processes that only hold sockets."""
    missing: Callable[[], Sequence[str]]
    """Those of them that are not there now."""


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Rooms, and what people say in them."""

    service: RoomService
    messages: MessageService
    kept: KeptBroadcasts


@dataclass(frozen=True, slots=True)
class _Audio:
    """Music: what there is, what is made of it, what players get."""

    library: Library
    edge: Edge
    ingest: Ingest
    cache: Cache


@dataclass(frozen=True, slots=True)
class _Everything:
    """All that runs, before HTTP is put in front of it."""

    base: Foundation
    people: People
    audio: _Audio
    rescans: Rescans
    rooms: _Rooms
    saved_queues: SavedQueues
    gateway: Gateway
    between: Wires
    together: Together | None


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
        node = node_name("owner", together.server if together else new_server())
        between = await stack.enter_async_context(wires(nats, name=f"whatssound {node}", registry=registry))
        timeline = await _server_time(between, node if together else None, registry, stack)
        base = await foundation(config, folder, timeline, registry, stack)
        known = await people(base, stack)
        await stack.enter_async_context(key_set_followed(config, known.tokens, registry))
        audio = await _audio(base, stack)
        rescans = _rescans(base, audio.library)
        rooms = await _rooms(base, known.accounts, audio, between, stack)
        services = LocalServices(known.accounts, rooms.service, rooms.kept)
        gateway = await stack.enter_async_context(
            sockets(config, services, between, timeline, node=node, registry=registry)
        )
        if together is not None:
            asked = Owner(between.bus, known.accounts, rooms.service, rooms.kept, epoch=secrets.token_hex(8))
            await stack.enter_async_context(asked)
            base.show("answering_gateways", asked.statistics)
        saved_queues = SavedQueues(
            SqlSavedQueues(base.database), audio.library.several, new_id=base.ids.next, now_ms=timeline.now_ms
        )
        for forget in (rooms.service.forget_person, saved_queues.forget_person, audio.library.remove_uploads_of):
            known.departures.on_gone(forget)
        known.departures.on_gone(rooms.messages.forget_author)
        await stack.enter_async_context(known.departures)
        await stack.enter_async_context(known.accounts.sightings)
        await stack.enter_async_context(known.elsewhere)
        there = _Everything(base, known, audio, rescans, rooms, saved_queues, gateway, between, together)
        yield _parts(there)


def _parts(there: _Everything) -> Parts:
    base, library = there.base, there.audio.library
    return Parts(
        base.config,
        base.folder,
        there.people.accounts,
        there.rooms.service,
        library,
        there.rescans,
        _demo(base, library),
        there.gateway,
        build_app(_services(there)),
        base.registry,
    )


def _services(there: _Everything) -> Services:
    base, people, audio, together = there.base, there.people, there.audio, there.together
    config = base.config
    return Services(
        accounts=people.accounts,
        members=people.members,
        invitations=people.invitations,
        departures=people.departures,
        rooms=there.rooms.service,
        saved_queues=there.saved_queues,
        messages=there.rooms.messages,
        library=audio.library,
        rescans=there.rescans,
        edge=audio.edge,
        listeners=there.gateway.listeners,
        present=there.gateway.people,
        not_ready=lambda: _not_ready(base.database, there.between, there.gateway),
        missing=together.missing if together else tuple,
        metrics=lambda: _figures(base.registry, there.between.bus, together),
        access=there.gateway.access,
        bus=there.between.bus,
        kept=there.rooms.kept,
        load=there.gateway.load,
        upload_folder=base.folder.uploads,
        now_ms=base.timeline.now_ms,
        limits=config.limits,
        proxies=Proxies.of(config.trusted_proxies),
        people=config.people,
        links=lambda: links_here(config),
        public_path=config.public_path,
    )


async def _server_time(
    between: Wires, node: str | None, registry: CollectorRegistry, stack: AsyncExitStack
) -> Timeline:
    """This process's own time when it is alone; otherwise what `node`, this one, and its gateway processes agree on."""
    if node is None:
        return Timeline()
    timeline, clock = await stack.enter_async_context(server_time(between, node, owns=True, registry=registry))
    await clock.ready()
    return timeline


async def _audio(base: Foundation, stack: AsyncExitStack) -> _Audio:
    store, blobs = SqlTracks(base.database), FileBlobs(base.folder.blobs)
    keys = Keys(base.secret.derive, base.timeline.now_ms)
    renditions, encoded = Renditions(blobs), SqlEncoded(base.database)
    cache = Cache(encoded, blobs, renditions, limit_bytes=base.config.cache_bytes, now_ms=base.timeline.now_ms)
    ingest = Ingest(
        store,
        ChildEncoder(base.config.encoder),
        blobs,
        jobs=SqlEncodeJobs(base.database),
        encoded=encoded,
        keys=keys,
        cache=cache,
        renditions=renditions,
        work=base.folder.root / "work",
        holder=f"owner/{secrets.token_hex(8)}",
        now_ms=base.timeline.now_ms,
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
    base.show("encodes", ingest.statistics)
    base.show("cache", cache.statistics)
    edge = Edge(library, store, ingest, blobs, renditions=renditions, keys=keys, cache=cache)
    return _Audio(library, edge, ingest, cache)


async def _rooms(base: Foundation, accounts: Accounts, audio: _Audio, between: Wires, stack: AsyncExitStack) -> _Rooms:
    library = audio.library
    now_ms, limits = base.timeline.now_ms, base.config.limits
    store = await stack.enter_async_context(await SqliteMessages.open(base.folder.messages, now_ms=now_ms))
    messages = MessageService(
        store, base.ids, now_ms=now_ms, user_per_10s=limits.chat_user_per_10s, room_per_s=limits.chat_room_per_s
    )
    service = RoomService(
        SqlRooms(base.database),
        between.log,
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
    base.show("rooms", service.statistics)
    base.show("message_writer", store.statistics)
    return _Rooms(service, messages, _kept(base, store, between.bus))


def _kept(base: Foundation, messages: SqliteMessages, bus: Bus) -> KeptBroadcasts:
    limits = base.config.limits
    kept = KeptBroadcasts(
        messages.kept(per_topic=limits.kept_per_topic, most_bytes=limits.kept_bytes),
        bus,
        base.ids,
        KeptLimits(life_ms=int(limits.kept_hours * 3_600_000), payload_bytes=limits.kept_payload_bytes),
        now_ms=base.timeline.now_ms,
    )
    base.show("kept_broadcasts", kept.statistics)
    return kept


def _rescans(base: Foundation, library: Library) -> Rescans:
    every_s = base.config.rescan_hours * 3600
    rescans = Rescans(base.config.libraries, library.scanner, every_s=every_s, now_ms=base.timeline.now_ms)
    base.show("library", rescans.statistics)
    return rescans


def _demo(base: Foundation, library: Library) -> Demo:
    async def compose(name: str, folder: Path) -> Path:
        return await composed(name, folder, base.config.encoder)

    return Demo(library, compose, base.folder.demo)


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
    others = {gateway: node_name(gateway, together.server) for gateway in together.gateways}
    return await page_of_all(registry, bus, name="owner", others=others)
