"""A RoomService on real SQLite files and the in-process log, with a clock moved by hand."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec

from room_builders import track
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryLog
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.bus.log import LogEvent, LogPosition, LogUnavailable
from whatssound.ids import RoomId, Snowflakes, TrackId, UserId
from whatssound.messages.service import MessageService
from whatssound.messages.store import MessageStore
from whatssound.rooms.catalog import TrackNow
from whatssound.rooms.homes import Homes
from whatssound.rooms.room import Room
from whatssound.rooms.service import RoomService
from whatssound.rooms.store import RoomStore
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal
from whatssound.wire.record import decode_record

OWNER = User(UserId(1), "Dana", "owner")
LEO = User(UserId(2), "Leo", "guest")
MIA = User(UserId(3), "Mia", "guest")
PEOPLE = {person.id: person for person in (OWNER, LEO, MIA)}
DESK = "desk"


class Shelf:
    """Catalog of tracks 1 to 20, each 10 s long unless told otherwise."""

    def __init__(self) -> None:
        self.tracks = {n: TrackNow(track(n)) for n in range(1, 21)}
        self.wanted: list[TrackId] = []

    async def playable(self, track_id: TrackId) -> events.Track:
        known = self.tracks.get(track_id)
        if known is None:
            raise Refusal("not_found", "There is no such track.")
        return self.sign(known.track)

    async def current(self, track_ids: Sequence[TrackId]) -> list[TrackNow]:
        return [self.tracks[id] for id in track_ids if id in self.tracks]

    async def upcoming(self, track_ids: Sequence[TrackId]) -> None:
        self.wanted = list(track_ids)

    def sign(self, track: events.Track) -> events.Track:
        return msgspec.structs.replace(track, hls=f"/audio/tracks/{track.id}/master.m3u8?sig=s")


class FlakyLog(MemoryLog):
    """An in-process log that can be told to refuse."""

    refusing = False

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        if self.refusing:
            raise LogUnavailable
        return await super().append(room, record, key=key)


class LateLog(FlakyLog):
    """One process's way to a log that others use, too; while it is `held`, appends wait on the way."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log.epoch)
        self._log = log
        self.waiting = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Let no append through."""
        self._open.clear()

    def let_go(self) -> None:
        """Let them all through."""
        self._open.set()

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        self.waiting.set()
        await self._open.wait()
        return await self._log.append(room, record, key=key)


class Spoilt:
    """A store in front of another: counts what is asked, and fails when a test plants it.

    `plant("save", "after", EIO)` lets the next save be done and its answer be lost; "before" lets it not be done.
    """

    def __init__(self, store: object) -> None:
        self._store = store
        self._planted: dict[str, tuple[str, int]] = {}
        self.asked: Counter[str] = Counter()

    def plant(self, method: str, when: str, number: int) -> None:
        self._planted[method] = (when, number)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)

        async def asked(*args: object, **kwargs: object) -> object:
            self.asked[name] += 1
            when, number = self._planted.pop(name, ("never", 0))
            answer = None if when == "before" else await real(*args, **kwargs)
            if number:
                raise OSError(number, "planted")
            return answer

        return asked


@dataclass
class House:
    """One start of the server. `told` is what a listener of `room` has received."""

    service: RoomService
    messages: MessageService
    log: FlakyLog
    shelf: Shelf
    clock: Any
    kept_rooms: Spoilt
    kept_messages: Spoilt
    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def opened(self, title: str = "Late night", **settings: Any) -> Room:
        """A new room of Dana's, listened to."""
        room = await self.service.create(OWNER, title, events.Settings(**settings))
        await self.log.subscribe(room.id, self.hear)
        return room

    def hear(self, event: LogEvent) -> None:
        name, payload = decode_record(event.record)
        self.told.append((name, event.key, json.loads(payload)))

    async def do(self, room: Room, command: msgspec.Struct, *, by: User = OWNER, device: str | None = DESK) -> Any:
        return await self.service.run(room.id, by, command, device=device)

    async def queued(self, room: Room, *tracks: int) -> list[str]:
        adds = [commands.QueueAdd(track_id=str(n), nonce=f"add {n}") for n in tracks]
        return [(await self.do(room, add))["entry_id"] for add in adds]

    async def pass_time(self, ms: float) -> None:
        """Move the clock and let everything that is due be done."""
        self.clock.advance(ms)
        self.service.tick()
        await self.service.settle()


@asynccontextmanager
async def house(
    folder: Path,
    clock: Callable[[], float],
    *,
    start: int = 1,
    max_held: int = 100,
    lead_ms: float = 0.0,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    log: FlakyLog | None = None,
    **limits: int,
) -> AsyncIterator[House]:
    """Start the service on `folder`; `start` tells one start from another, `log` is another's to share."""
    file = folder / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    log, shelf = log or FlakyLog(f"epoch {start}"), Shelf()
    ids = Snowflakes(clock)
    async with await SqliteMessages.open(folder / "messages.sqlite3", now_ms=clock) as kept:
        kept_rooms, kept_messages = Spoilt(SqlRooms(database)), Spoilt(kept)
        messages = MessageService(cast(MessageStore, kept_messages), ids, now_ms=clock, **limits)
        service = RoomService(
            cast(RoomStore, kept_rooms),
            log,
            messages,
            shelf,
            ids,
            homes=Homes(SqlHomeBans(database), key=b"h" * 32, now_ms=clock, max_visits=10),
            plays=SqlPlays(database),
            owner=f"node 0:start {start}",
            person=_person,
            now_ms=clock,
            random_bits=lambda bits: ids.next() % (1 << bits),
            sleep=sleep or _never_long,
            max_held=max_held,
            lead_ms=lead_ms,
        )
        yield House(service, messages, log, shelf, clock, kept_rooms, kept_messages)
        log.refusing = False
        await service.settle()
        await service.stop()
    await database.close()


async def _person(id: UserId) -> User | None:
    return PEOPLE.get(id)


async def _never_long(_: float) -> None:
    """A back-off that gives way to others and is over."""
    await asyncio.sleep(0)
