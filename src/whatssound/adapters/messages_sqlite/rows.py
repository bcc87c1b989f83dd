"""The statements of the message database: what one write or one read does on a connection."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

from whatssound.ids import MessageId, RoomId, UserId, bucket_of, first_id_at
from whatssound.messages.message import Author, Message
from whatssound.messages.store import Page

_COLUMNS: Final = "id, user_id, user_name, user_role, text, nonce, reply_to, edit_rev, deleted"
_AT: Final = "room = ? AND bucket = ? AND id = ?"
OLDER: Final = (
    f"SELECT {_COLUMNS} FROM messages WHERE room = ? AND (bucket, id) < (?, ?) ORDER BY bucket DESC, id DESC LIMIT ?"
)
NEWER: Final = f"SELECT {_COLUMNS} FROM messages WHERE room = ? AND (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?"

END_OF_TIME: Final = (1 << 63) - 1

NONCE_LIFE_MS: Final = 24 * 3_600_000
"""A nonce is kept for a day: more than the 10 minutes that are promised, for laptops that slept."""

PRUNE_ROWS: Final = 1_000
"""Old nonces forgotten at once; 2 ms of the writer's time."""


class Place(NamedTuple):
    """Where a message is: the table's key, in its order."""

    room: int
    bucket: int
    id: int


class Part(NamedTuple):
    """What a look at one part of the table found. `last` is None at its end."""

    places: tuple[Place, ...]
    last: Place | None


@dataclass(frozen=True, slots=True)
class Append:
    """Store messages, each once."""

    messages: tuple[Message, ...]

    def on(self, connection: sqlite3.Connection) -> list[MessageId]:
        """The id of each. Raises ValueError when an id is taken by other content."""
        return [_append(connection, message) for message in self.messages]


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a text."""

    room: RoomId
    id: MessageId
    text: str

    def on(self, connection: sqlite3.Connection) -> Message | None:
        """The message as it is now, or None when there is none to edit."""
        message = get(connection, self.room, self.id)
        if message is None or message.deleted:
            return None
        return _rewrite(connection, replace(message, text=self.text, edit_rev=message.edit_rev + 1))


@dataclass(frozen=True, slots=True)
class Delete:
    """Empty a text for good."""

    room: RoomId
    id: MessageId

    def on(self, connection: sqlite3.Connection) -> Message | None:
        """The message as it is now, or None when there is none."""
        message = get(connection, self.room, self.id)
        if message is None or message.deleted:
            return message
        return _rewrite(connection, replace(message, text="", edit_rev=message.edit_rev + 1, deleted=True))


@dataclass(frozen=True, slots=True)
class ForgetName:
    """Take the author's name off some messages."""

    places: tuple[Place, ...]

    def on(self, connection: sqlite3.Connection) -> int:
        """How many had one."""
        update = f"UPDATE messages SET user_name = '' WHERE {_AT} AND user_name <> ''"
        return sum(connection.execute(update, place).rowcount for place in self.places)


class Write(Protocol):
    """What the writer does in one go."""

    def on(self, connection: sqlite3.Connection) -> Any:
        """Do it within a transaction, and answer its result. What is raised, but sqlite3.Error, undoes it alone."""
        ...


def get(connection: sqlite3.Connection, room: RoomId, id: MessageId) -> Message | None:
    """One message."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM messages WHERE {_AT}", (room, bucket_of(id), id)).fetchone()
    return None if row is None else _message(room, row)


def before(connection: sqlite3.Connection, room: RoomId, id: int, limit: int) -> Page:
    """The newest below `id`, newest first.

    The key's order is (bucket, id), so one range read passes over silent years without looking at them.
    """
    rows = connection.execute(OLDER, (room, bucket_of(id), id, limit + 1)).fetchall()
    return Page(tuple(_message(room, row) for row in rows[:limit]), len(rows) > limit)


def after(connection: sqlite3.Connection, room: RoomId, id: int, limit: int) -> Page:
    """The oldest above `id`, newest first."""
    rows = connection.execute(NEWER, (room, bucket_of(id), id, limit + 1)).fetchall()
    return Page(tuple(_message(room, row) for row in reversed(rows[:limit])), len(rows) > limit)


def around(connection: sqlite3.Connection, room: RoomId, id: int, limit: int) -> Page:
    """About half of them newer than `id`; where one side has too few, the other fills up."""
    newer = after(connection, room, id, limit).messages
    older = before(connection, room, min(id, END_OF_TIME - 1) + 1, limit)
    wanted_newer = max(limit // 2, limit - len(older.messages))
    shown_newer = newer[-wanted_newer:] if wanted_newer else ()
    shown_older = older.messages[: limit - len(shown_newer)]
    return Page((*shown_newer, *shown_older), older.has_more or len(shown_older) < len(older.messages))


def said_by(connection: sqlite3.Connection, author: UserId, after: Place, rows: int) -> Part:
    """Which of the next `rows` messages behind `after` somebody said, under a name.

    There is no index by author: it would cost every message a second write, for what happens to an account once.
    """
    seen = connection.execute(
        "SELECT room, bucket, id, user_id = ? AND user_name <> '' FROM messages"
        " WHERE (room, bucket, id) > (?, ?, ?) ORDER BY room, bucket, id LIMIT ?",
        (author, *after, rows),
    ).fetchall()
    places = tuple(Place(room, bucket, id) for room, bucket, id, theirs in seen if theirs)
    return Part(places, Place(*seen[-1][:3]) if len(seen) == rows else None)


def prune_nonces(connection: sqlite3.Connection, now_ms: float) -> int:
    """Forget some nonces that are older than their life; answers how many."""
    cutoff = first_id_at(int(now_ms) - NONCE_LIFE_MS)
    old = "SELECT room, user_id, nonce FROM nonces WHERE id < ? ORDER BY id LIMIT ?"
    delete = f"DELETE FROM nonces WHERE (room, user_id, nonce) IN ({old})"
    return connection.execute(delete, (cutoff, PRUNE_ROWS)).rowcount


def _append(connection: sqlite3.Connection, message: Message) -> MessageId:
    known = get(connection, message.room, message.id)
    if known is not None:
        if not known.author.name:  # who has deleted their account since
            message = replace(message, author=replace(message.author, name=""))
        if replace(known, text=message.text, edit_rev=0, deleted=False) != replace(message, edit_rev=0, deleted=False):
            raise ValueError(f"message {message.id} exists with other content")
        if known.edit_rev == 0 and known.text != message.text:
            raise ValueError(f"message {message.id} exists with another text")
        return known.id
    key = (message.room, message.author.id, message.nonce)
    row = connection.execute("SELECT id FROM nonces WHERE room = ? AND user_id = ? AND nonce = ?", key).fetchone()
    if row is not None:
        return MessageId(row[0])
    connection.execute("INSERT INTO nonces (room, user_id, nonce, id) VALUES (?, ?, ?, ?)", (*key, message.id))
    connection.execute(
        f"INSERT INTO messages (room, bucket, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (message.room, bucket_of(message.id), *_row(message)),
    )
    return message.id


def _rewrite(connection: sqlite3.Connection, message: Message) -> Message:
    connection.execute(
        f"UPDATE messages SET text = ?, edit_rev = ?, deleted = ? WHERE {_AT}",
        (message.text, message.edit_rev, message.deleted, message.room, bucket_of(message.id), message.id),
    )
    return message


def _row(message: Message) -> Sequence[Any]:
    author = message.author
    return (
        message.id,
        author.id,
        author.name,
        author.role,
        message.text,
        message.nonce,
        message.reply_to,
        message.edit_rev,
        message.deleted,
    )


def _message(room: RoomId, row: tuple[Any, ...]) -> Message:
    id, user_id, user_name, user_role, text, nonce, reply_to, edit_rev, deleted = row
    return Message(
        room=room,
        id=MessageId(id),
        author=Author(UserId(user_id), user_name, user_role),
        text=text,
        nonce=nonce,
        reply_to=None if reply_to is None else MessageId(reply_to),
        edit_rev=edit_rev,
        deleted=bool(deleted),
    )
