"""Keeping broadcasts for replay: the owner's part, where each topic's order is made."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from whatssound.bus.bus import Bus
from whatssound.ids import Snowflakes, first_id_at, ms_of
from whatssound.messages.refusing import refusing
from whatssound.realtime.broadcast import Broadcast, publish
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.kept_store import END_OF_IDS, KeptBroadcast, KeptStore
from whatssound.realtime.topics import Topic
from whatssound.wire import realtime as wire
from whatssound.wire.phoenix import EMPTY

PAGE_BYTES: Final = 512 * 1024
"""About what one answer holds: a NATS server takes messages of 1 MB when nobody says otherwise."""

MOST_TOPICS: Final = 10_000
"""Topics whose newest id is known; that of another one is read."""

MOST_UNDER_WAY: Final = 1_000
"""Broadcasts that are being stored; at 15 thousand a second the last one waits 70 ms. Above it: `overloaded`."""


@dataclass(frozen=True, slots=True)
class KeptLimits:
    """What may be kept, and for how long."""

    life_ms: int
    payload_bytes: int


class KeptPage(msgspec.Struct, frozen=True, array_like=True):
    """Kept broadcasts as they are replayed, oldest first; `has_more`: there are older ones that were asked for."""

    broadcasts: list[Broadcast]
    has_more: bool


class KeptStatistics(NamedTuple):
    """What was asked."""

    under_way: int
    kept: int
    refused: int
    replayed: int


class KeptBroadcasts:
    """Gives each broadcast its id, tells everybody, and then stores it.

    One place for a topic: so ids, what is heard and what is replayed have one order, also within a millisecond.
    """

    def __init__(
        self, store: KeptStore, bus: Bus, ids: Snowflakes, limits: KeptLimits, *, now_ms: Callable[[], float]
    ) -> None:
        self._store = store
        self._bus = bus
        self._ids = ids
        self._limits = limits
        self._now_ms = now_ms
        self._newest_ids: OrderedDict[int, int] = OrderedDict()
        self._under_way: dict[int, set[asyncio.Future[None]]] = {}
        self._count = self._kept = self._refused = self._replayed = 0

    async def keep(self, topic: Topic, broadcast: Broadcast, ttl_ms: int | None = None) -> str:
        """Tell everybody on `topic`, and answer the id once the broadcast is stored.

        It is kept for `ttl_ms`, but not longer than the limit. `broadcast` is as it would be published, without an id.
        Raises Refusal `too_large`, `overloaded` and `unavailable` before anybody heard it; `overloaded`, `unavailable`
        and `disk_full` also when it was heard and could not be stored.
        """
        payload = _payload_of(broadcast)
        self._check(payload)
        with self._storing(topic):
            newest = await self._newest_id(topic)
            id = self._id_above(topic, newest)
            publish(self._bus, topic, _with_id(broadcast, str(id)))
            life_ms = self._limits.life_ms if ttl_ms is None else min(ttl_ms, self._limits.life_ms)
            kept = KeptBroadcast(topic.id, id, broadcast.event, payload, broadcast.is_json, ms_of(id) + life_ms)
            await refusing(self._store.append(kept))
        self._kept += 1
        return str(id)

    async def since(self, topic: Topic, since_ms: int, limit: int, below: str | None = None) -> KeptPage:
        """The newest `limit` that were sent at `since_ms` or later, Unix ms, and before the one called `below`.

        What was told to anybody before this was asked is among them, also when it was still being stored. An answer
        has about PAGE_BYTES, and at least one broadcast. Raises Refusal `overloaded` and `unavailable`.
        """
        if under_way := self._under_way.get(topic.id):
            await asyncio.wait(tuple(under_way))
        found = await refusing(
            self._store.newest(
                topic.id,
                limit,
                now_ms=self._now_ms(),
                since=min(first_id_at(since_ms), END_OF_IDS),
                below=END_OF_IDS if below is None else int(below),
            )
        )
        shown = _fitting(found)
        self._replayed += len(shown)
        return KeptPage([_as_replayed(kept) for kept in shown], len(shown) < len(found))

    def statistics(self) -> KeptStatistics:
        """What was asked."""
        return KeptStatistics(self._count, self._kept, self._refused, self._replayed)

    def _check(self, payload: bytes) -> None:
        most = self._limits.payload_bytes
        if len(payload) > most:
            self._refused += 1
            message = f"A broadcast that is kept has at most {most:,} bytes; this one has {len(payload):,}"
            raise RealtimeRefusal("too_large", message)
        if self._count >= MOST_UNDER_WAY:
            self._refused += 1
            raise RealtimeRefusal("overloaded", "Too many broadcasts to keep at once", retry_after_ms=500)

    @contextmanager
    def _storing(self, topic: Topic) -> Generator[None]:
        """Until it is left, `since` waits."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way.setdefault(topic.id, set()).add(done)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            done.set_result(None)
            under_way = self._under_way[topic.id]
            under_way.discard(done)
            if not under_way:
                del self._under_way[topic.id]

    async def _newest_id(self, topic: Topic) -> int:
        known = self._newest_ids.get(topic.id)
        if known is not None:
            return known
        found = await refusing(self._store.newest(topic.id, 1, now_ms=self._now_ms()))
        return found[0].id if found else 0

    def _id_above(self, topic: Topic, newest: int) -> int:
        """Above every id of the topic that is shown, also when the clock was ahead in an earlier start."""
        newest = max(newest, self._newest_ids.pop(topic.id, 0))
        id = self._ids.next()
        if id <= newest:
            id = self._ids.next(above_ms=ms_of(newest) + 1)
        self._newest_ids[topic.id] = id
        if len(self._newest_ids) > MOST_TOPICS:
            self._newest_ids.popitem(last=False)
        return id


def _payload_of(broadcast: Broadcast) -> bytes:
    """What the application sent."""
    if not broadcast.is_json:
        return broadcast.payload
    said = wire.read_broadcast(broadcast.payload)
    return EMPTY if said is None else said.payload


def _with_id(broadcast: Broadcast, id: str) -> Broadcast:
    if broadcast.is_json:
        return msgspec.structs.replace(broadcast, payload=wire.with_id(broadcast.payload, id), id=id)
    return msgspec.structs.replace(broadcast, meta=wire.kept_meta(id), id=id)


def _as_replayed(kept: KeptBroadcast) -> Broadcast:
    id = str(kept.id)
    meta = wire.kept_meta(id, replayed=True)
    if kept.is_json:
        return Broadcast(kept.event, wire.broadcast(kept.event, kept.payload, meta), id=id)
    return Broadcast(kept.event, kept.payload, is_json=False, meta=meta, id=id)


def _fitting(found: Sequence[KeptBroadcast]) -> Sequence[KeptBroadcast]:
    """The newest of them that go into one answer, oldest first."""
    size_bytes = 0
    for index in range(len(found) - 1, -1, -1):
        size_bytes += len(found[index].payload)
        if size_bytes > PAGE_BYTES and index < len(found) - 1:
            return found[index + 1 :]
    return found
