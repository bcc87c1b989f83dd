"""What stands before the message store: limits, ids, shared reads, and no queues that grow."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from whatssound.ids import MessageId, RoomId, Snowflakes, UserId, ms_of
from whatssound.messages.coalesce import SingleFlight
from whatssound.messages.gate import Gate
from whatssound.messages.limits import Buckets, Rate
from whatssound.messages.message import Author, Message, checked_text
from whatssound.messages.refusing import refusing
from whatssound.messages.store import MessageStore, Page
from whatssound.wire.errors import Refusal

NEWEST_LIFE_MS: Final = 5_000
"""How long a newest page is believed; another node's write may have been missed."""

NEWEST_LIMIT: Final = 50
"""The page that every join needs; only this one is kept."""

KEPT_ROOMS: Final = 2_000
"""Newest pages kept: about 20 KB each."""

KEPT_USERS: Final = 100_000
"""Speakers whose rate is remembered."""

T = TypeVar("T")
_Where = tuple[str, int, int]
"""Which page: before, after, around or newest; the id; the limit."""


@dataclass(frozen=True, slots=True)
class _Newest:
    page: Page
    read_ms: float


class MessageService:
    """Chat messages for the rooms: sent within limits, read without repeating a query.

    Every method raises Refusal where the answer is no: `invalid`, `too_large`, `rate_limited`, `overloaded`,
    `disk_full`, `unavailable`.
    """

    def __init__(
        self,
        store: MessageStore,
        ids: Snowflakes,
        *,
        now_ms: Callable[[], float],
        user_per_10s: int = 10,
        room_per_s: int = 100,
    ) -> None:
        self._store = store
        self._ids = ids
        self._now_ms = now_ms
        self._users: Buckets[tuple[RoomId, UserId]] = Buckets(
            Rate(user_per_10s / 10, user_per_10s), capacity=KEPT_USERS
        )
        self._rooms: Buckets[RoomId] = Buckets(Rate(room_per_s, room_per_s), capacity=KEPT_ROOMS)
        self._reads: SingleFlight[RoomId, _Where, Page] = SingleFlight()
        self._gate = Gate()
        self._newest: OrderedDict[RoomId, _Newest] = OrderedDict()
        self._newest_ids: OrderedDict[RoomId, int] = OrderedDict()
        self._written_at: OrderedDict[RoomId, int] = OrderedDict()
        self._written_at_floor = 0
        self._write_count = 0

    async def page(
        self,
        room: RoomId,
        *,
        before: MessageId | None = None,
        after: MessageId | None = None,
        around: MessageId | None = None,
        limit: int = NEWEST_LIMIT,
    ) -> Page:
        """Some messages, newest first; the newest ones when no place is named. `limit` is 1 to 100."""
        places = [(n, p) for n, p in (("before", before), ("after", after), ("around", around)) if p is not None]
        if len(places) > 1 or not 1 <= limit <= 100:
            raise Refusal("invalid", "Ask for one of before, after and around, and for 1 to 100 messages.")
        if places:
            return await self._shared(room, (places[0][0], places[0][1], limit))
        return await self._newest_page(room, limit)

    async def send(
        self, room: RoomId, author: Author, text: str, *, nonce: str, reply_to: MessageId | None = None
    ) -> Message:
        """Store what `author` said and answer it as it is stored.

        A nonce that this author used before in this room stores nothing and answers the first message, as it is now.
        """
        text = checked_text(text)
        self._limit(room, author.id)
        newest = await self._newest_id(room)
        message = Message(room, self._id_above(room, newest), author, text, nonce, reply_to)
        [id] = await self._written(room, self._store.append([message]))
        if id == message.id:
            return message
        first = await self.get(room, id)
        if first is None:
            raise Refusal("conflict", "This message was sent before and is gone.")
        return first

    async def edit(self, room: RoomId, editor: UserId, id: MessageId, text: str) -> Message | None:
        """Replace the text; None when there is nothing to edit. Counts as one message of `editor`."""
        text = checked_text(text)
        self._limit(room, editor)
        return await self._written(room, self._store.edit(room, id, text))

    async def delete(self, room: RoomId, id: MessageId) -> Message | None:
        """Empty the text for good; None when there is no such message."""
        return await self._written(room, self._store.delete(room, id))

    async def forget_author(self, author: UserId) -> int:
        """Take the name off everything that somebody said; how many messages that were. Raises OSError."""
        changed = await self._store.forget_author(author)
        if changed:
            # Pages with the name in them are neither kept nor shared any more, not even those being read just now.
            self._newest.clear()
            self._reads.forget_all()
            self._write_count += 1
            self._written_at.clear()
            self._written_at_floor = self._write_count
        return changed

    async def get(self, room: RoomId, id: MessageId) -> Message | None:
        """One message, or None."""
        async with self._gate.query(room):
            return await refusing(self._store.get(room, id))

    def forget(self, room: RoomId | None = None) -> None:
        """Believe no kept page any more: of this room, or of all after a gap."""
        if room is None:
            self._newest.clear()
            return
        self._newest.pop(room, None)

    async def _newest_page(self, room: RoomId, limit: int) -> Page:
        kept = self._newest.get(room)
        if kept is None or self._now_ms() - kept.read_ms >= NEWEST_LIFE_MS:
            kept = await self._read_newest(room, max(limit, NEWEST_LIMIT))
        shown = kept.page.messages[:limit]
        if limit > len(kept.page.messages) and kept.page.has_more:
            return await self._shared(room, ("newest", 0, limit))
        return Page(shown, kept.page.has_more or len(shown) < len(kept.page.messages))

    async def _read_newest(self, room: RoomId, limit: int) -> _Newest:
        read_ms, writes_before = self._now_ms(), self._write_count
        page = await self._shared(room, ("newest", 0, limit))
        newest = _Newest(page, read_ms)
        # A write that returned while this was read may be missing in it: show it, but do not keep it.
        is_whole = self._written_at.get(room, self._written_at_floor) <= writes_before
        if limit == NEWEST_LIMIT and is_whole:
            _keep(self._newest, room, newest, KEPT_ROOMS)
        return newest

    async def _shared(self, room: RoomId, where: _Where) -> Page:
        return await self._reads.get(room, where, lambda: self._query(room, where))

    async def _query(self, room: RoomId, where: _Where) -> Page:
        side, id, limit = where
        async with self._gate.query(room):
            match side:
                case "before":
                    return await refusing(self._store.before(room, MessageId(id), limit))
                case "after":
                    return await refusing(self._store.after(room, MessageId(id), limit))
                case "around":
                    return await refusing(self._store.around(room, MessageId(id), limit))
                case _:
                    return await refusing(self._store.newest(room, limit))

    async def _written(self, room: RoomId, write: Awaitable[T]) -> T:
        try:
            return await refusing(write)
        finally:
            # Reads that began before this returned may lack it, so nobody who asks later may share them.
            self._newest.pop(room, None)
            self._reads.forget(room)
            self._write_count += 1
            forgotten = _keep(self._written_at, room, self._write_count, KEPT_ROOMS)
            self._written_at_floor = max(self._written_at_floor, forgotten or 0)

    def _limit(self, room: RoomId, user: UserId) -> None:
        now_ms = self._now_ms()
        wait_ms = self._users.take((room, user), now_ms)
        if wait_ms:
            raise Refusal("rate_limited", "You are writing very fast; wait a moment.", retry_after_ms=wait_ms)
        wait_ms = self._rooms.take(room, now_ms)
        if wait_ms:
            self._users.give_back((room, user))
            raise Refusal("rate_limited", "This chat is very busy; try again in a moment.", retry_after_ms=wait_ms)

    async def _newest_id(self, room: RoomId) -> int:
        known = self._newest_ids.get(room)
        if known is not None:
            return known
        messages = (await self.page(room, limit=NEWEST_LIMIT)).messages
        return max(self._newest_ids.get(room, 0), messages[0].id if messages else 0)

    def _id_above(self, room: RoomId, newest: int) -> MessageId:
        """Above every id known in the room, also when another node's clock or an earlier start was ahead."""
        newest = max(newest, self._newest_ids.get(room, 0))
        id = self._ids.next()
        if id <= newest:
            id = self._ids.next(above_ms=ms_of(newest) + 1)
        _keep(self._newest_ids, room, id, KEPT_ROOMS)
        return MessageId(id)


Kept = TypeVar("Kept")


def _keep(kept: OrderedDict[RoomId, Kept], room: RoomId, value: Kept, capacity: int) -> Kept | None:
    """Keep `value`; answers what had to be forgotten for it."""
    kept[room] = value
    kept.move_to_end(room)
    return kept.popitem(last=False)[1] if len(kept) > capacity else None
