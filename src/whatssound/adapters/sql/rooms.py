"""RoomStore on the relational database: columns for what is searched and fenced, the rest as one JSON body."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.plays import keep_plays
from whatssound.adapters.sql.tables import rooms
from whatssound.ids import RoomId, UserId
from whatssound.rooms.deck import Deck
from whatssound.rooms.members import Members
from whatssound.rooms.nonces import Nonces
from whatssound.rooms.plays import Play
from whatssound.rooms.room import Room, due_ms
from whatssound.rooms.store import SlugTaken, StoredRoom
from whatssound.wire import events

VERSION: Final = 1


class _Body(msgspec.Struct, frozen=True):
    """What the column `body` holds. A change that old rows do not fit needs a new version and a way to read both."""

    version: int
    dj: events.User
    title: str
    settings: events.Settings
    room_rev: int
    deck: Deck
    members: Members = ()
    nonces: Nonces = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Body).decode


class SqlRooms:
    """Keeps rooms in the table `rooms`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, room: Room, *, owner: str) -> None:
        """Insert a row. Raises SlugTaken."""
        row = {"id": room.id, "slug": room.slug, "dj_id": room.dj_id, "owner": owner, **_columns(room)}
        async with self._database.write() as connection:
            try:
                await connection.execute(insert(rooms).values(row))
            except IntegrityError as error:
                raise SlugTaken(room.slug) from error

    async def get(self, id: RoomId) -> StoredRoom | None:
        """The row with that id."""
        return await self._one(rooms.c.id == id)

    async def by_slug(self, slug: str) -> StoredRoom | None:
        """The row with that slug."""
        return await self._one(rooms.c.slug == slug)

    async def save(self, room: Room, *, was_rev: int, owner: str, plays: Sequence[Play] = ()) -> bool:
        """One UPDATE, conditional on `rev` and `owner`, and the plays in the same transaction."""
        fence = (rooms.c.id == room.id) & (rooms.c.rev == was_rev) & (rooms.c.owner == owner)
        async with self._database.write() as connection:
            result = await connection.execute(update(rooms).where(fence).values(_columns(room)))
            if result.rowcount == 1:
                await keep_plays(connection, room.id, plays)
        return result.rowcount == 1

    async def take(self, id: RoomId, *, owner: str) -> StoredRoom | None:
        """One UPDATE and the row it leaves, in one transaction."""
        async with self._database.write() as connection:
            await connection.execute(update(rooms).where(rooms.c.id == id).values(owner=owner, rev=rooms.c.rev + 1))
            row = (await connection.execute(select(rooms).where(rooms.c.id == id))).one_or_none()
        return None if row is None else _stored(row)

    async def due_before(self, at_ms: float, *, limit: int) -> list[RoomId]:
        """By the index on `due_ms`, which ended rooms have empty."""
        query = select(rooms.c.id).where(rooms.c.due_ms < at_ms).order_by(rooms.c.due_ms).limit(limit)
        async with self._database.read() as connection:
            return [RoomId(id) for id in (await connection.execute(query)).scalars()]

    async def listed(self, *, limit: int) -> list[StoredRoom]:
        """Open rooms that are shown to everybody."""
        return await self._many(rooms.c.listed, limit)

    async def of_dj(self, user: UserId, *, limit: int) -> list[StoredRoom]:
        """Open rooms that `user` opened."""
        return await self._many(rooms.c.dj_id == user, limit)

    async def open_after(self, id: RoomId, *, limit: int) -> list[StoredRoom]:
        """By the primary key."""
        query = select(rooms).where((rooms.c.id > id) & ~rooms.c.ended).order_by(rooms.c.id).limit(limit)
        async with self._database.read() as connection:
            return [_stored(row) for row in await connection.execute(query)]

    async def naming(self, user: UserId, *, after: RoomId, limit: int) -> list[StoredRoom]:
        """By the id in the JSON, which is a string there."""
        named = func.instr(rooms.c.body, f'"{user}"'.encode()) > 0
        query = select(rooms).where((rooms.c.id > after) & named).order_by(rooms.c.id).limit(limit)
        async with self._database.read() as connection:
            return [_stored(row) for row in await connection.execute(query)]

    async def touch(self, id: RoomId, *, owner: str, seen_ms: float, due_ms: float | None) -> None:
        """Two columns, while `owner` owns the row."""
        mine = (rooms.c.id == id) & (rooms.c.owner == owner)
        async with self._database.write() as connection:
            await connection.execute(update(rooms).where(mine).values(dj_seen_ms=seen_ms, due_ms=due_ms))

    async def _one(self, which: ColumnElement[bool]) -> StoredRoom | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(rooms).where(which))).one_or_none()
        return None if row is None else _stored(row)

    async def _many(self, which: ColumnElement[bool], limit: int) -> list[StoredRoom]:
        query = select(rooms).where(which & ~rooms.c.ended).order_by(rooms.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return [_stored(row) for row in await connection.execute(query)]


def _columns(room: Room) -> dict[str, Any]:
    body = _Body(
        version=VERSION,
        dj=room.dj,
        title=room.title,
        settings=room.settings,
        room_rev=room.room_rev,
        deck=room.deck,
        members=room.members,
        nonces=room.nonces,
    )
    return {
        "ended": room.ended,
        "listed": room.settings.listed,
        "rev": room.rev,
        "due_ms": due_ms(room),
        "dj_seen_ms": room.watch.seen_ms,
        "body": _encode(body),
    }


def _stored(row: Row[Any]) -> StoredRoom:
    body = _decode(row.body)
    if body.version > VERSION:
        raise ValueError(f"room {row.id} was written by a newer WhatsSound (body {body.version}, known {VERSION})")
    room = Room(
        id=RoomId(row.id),
        slug=row.slug,
        dj=body.dj,
        title=body.title,
        settings=body.settings,
        ended=row.ended,
        rev=row.rev,
        room_rev=body.room_rev,
        deck=body.deck,
        members=body.members,
        nonces=body.nonces,
    )
    return StoredRoom(room, row.owner, row.dj_seen_ms)
