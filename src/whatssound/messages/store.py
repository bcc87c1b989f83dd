"""MessageStore: where chat messages are kept, at `((room_id, bucket), message_id)`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whatssound.ids import MessageId, RoomId, UserId
from whatssound.messages.message import Message


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a room, newest first. `has_more`: there are others in the direction that was asked."""

    messages: tuple[Message, ...]
    has_more: bool


class MessageStore(Protocol):
    """Durable chat messages.

    A returned write survives a kill of any process. Reads see every write that returned before they began.
    Limits are 1 to 100.
    """

    async def append(self, messages: Sequence[Message]) -> list[MessageId]:
        """Store messages; answers one id each, in order.

        Idempotent by id, and by `(room, author, nonce)` for at least 10 minutes: a known nonce stores nothing and
        answers the id of the message it was first used for. An existing id with other content raises ValueError.
        Raises OSError when the disk refuses; then none of these messages is stored.
        """
        ...

    async def newest(self, room: RoomId, limit: int) -> Page:
        """The newest messages; `has_more` tells of older ones."""
        ...

    async def before(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """The newest messages older than `id`; `has_more` tells of older ones."""
        ...

    async def after(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """The oldest messages newer than `id`, still newest first; `has_more` tells of newer ones."""
        ...

    async def around(self, room: RoomId, id: MessageId, limit: int) -> Page:
        """Messages on both sides of `id`, itself included when it exists; `has_more` tells of older ones."""
        ...

    async def get(self, room: RoomId, id: MessageId) -> Message | None:
        """One message, or None."""
        ...

    async def edit(self, room: RoomId, id: MessageId, text: str) -> Message | None:
        """Replace the text and count `edit_rev` up; None when there is no such message or it is deleted."""
        ...

    async def delete(self, room: RoomId, id: MessageId) -> Message | None:
        """Empty the text and count `edit_rev` up; None when there is no such message. A second time changes nothing."""
        ...

    async def forget_author(self, author: UserId) -> int:
        """Take the name off everything that somebody said, in every room; answers how many messages that were.

        Texts, ids and `edit_rev` stay. May look at every message there is, a part at a time, so that others read and
        write meanwhile; whoever was interrupted repeats it. What this author says while it runs may keep its name.
        """
        ...
