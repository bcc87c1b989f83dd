"""What every KeptStore must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from room_builders import ManualClock
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.ids import BUCKET_MS, EPOCH_MS, first_id_at
from whatssound.realtime.kept_store import KeptBroadcast, KeptStore

TOPIC, OTHER = (1 << 63) - 1, 2
PER_TOPIC, MOST_BYTES = 20, 100_000
LIFE_MS = 3_600_000
NOW_MS = EPOCH_MS + 1_000


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[KeptStore]:
    async with await SqliteMessages.open(tmp_path / "messages.sqlite3", now_ms=ManualClock(EPOCH_MS)) as messages:
        yield messages.kept(per_topic=PER_TOPIC, most_bytes=MOST_BYTES)


def at(second: float) -> int:
    return first_id_at(int(EPOCH_MS + second * 1_000))


def kept(id: int, payload: bytes = b"{}", *, topic: int = TOPIC, until_ms: int = EPOCH_MS + LIFE_MS) -> KeptBroadcast:
    return KeptBroadcast(topic, id, "e", payload, True, until_ms)


async def all_stored(store: KeptStore, broadcasts: Iterable[KeptBroadcast]) -> None:
    for broadcast in broadcasts:
        await store.append(broadcast)


async def ids_of(store: KeptStore, topic: int = TOPIC, limit: int = 1_000, now_ms: float = NOW_MS) -> list[int]:
    return [found.id for found in await store.newest(topic, limit, now_ms=now_ms)]


@pytest.mark.parametrize(
    ("payload", "is_json"), [('{"text":"héllo 👋"}'.encode(), True), (b"\0\xff", False), (b"", False)]
)
async def test_a_broadcast_comes_back_as_it_was(store: KeptStore, payload: bytes, is_json: bool) -> None:
    sent = KeptBroadcast(TOPIC, at(1), "événement", payload, is_json, EPOCH_MS + 5_000)
    await store.append(sent)
    assert list(await store.newest(TOPIC, 25, now_ms=NOW_MS)) == [sent]


async def test_the_newest_come_oldest_first(store: KeptStore) -> None:
    await all_stored(store, [kept(at(n)) for n in (3, 0, 4, 1, 2)])
    assert await ids_of(store, limit=3) == [at(2), at(3), at(4)]
    assert await ids_of(store, limit=25) == [at(n) for n in range(5)]


async def test_within_a_millisecond_the_order_is_that_of_the_ids(store: KeptStore) -> None:
    ids = [at(1) + n for n in range(10)]
    await all_stored(store, map(kept, ids))
    assert await ids_of(store, limit=4) == ids[-4:]


async def test_since_is_included_and_below_is_not(store: KeptStore) -> None:
    await all_stored(store, [kept(at(n)) for n in range(6)])
    found = await store.newest(TOPIC, 25, now_ms=NOW_MS, since=at(2), below=at(5))
    assert [broadcast.id for broadcast in found] == [at(2), at(3), at(4)]
    found = await store.newest(TOPIC, 2, now_ms=NOW_MS, since=at(2), below=at(5))
    assert [broadcast.id for broadcast in found] == [at(3), at(4)]


async def test_reads_cross_buckets(store: KeptStore) -> None:
    edge_s = BUCKET_MS / 1_000
    ids = [at(edge_s - 1), at(edge_s), at(3 * edge_s)]
    await all_stored(store, [kept(id, until_ms=EPOCH_MS + 10 * BUCKET_MS) for id in ids])
    assert await ids_of(store) == ids
    found = await store.newest(TOPIC, 25, now_ms=NOW_MS, since=ids[0], below=ids[2])
    assert [broadcast.id for broadcast in found] == ids[:2]


async def test_topics_do_not_see_each_other(store: KeptStore) -> None:
    await all_stored(store, [kept(at(1)), kept(at(2), topic=OTHER)])
    assert await ids_of(store) == [at(1)]
    assert await ids_of(store, OTHER) == [at(2)]


async def test_what_has_expired_is_not_shown_and_makes_no_room_for_itself(store: KeptStore) -> None:
    await all_stored(store, [kept(at(1)), kept(at(2), until_ms=EPOCH_MS + 5_000), kept(at(3))])
    assert await ids_of(store, now_ms=EPOCH_MS + 4_999) == [at(1), at(2), at(3)]
    assert await ids_of(store, now_ms=EPOCH_MS + 5_000) == [at(1), at(3)]
    assert await ids_of(store, limit=2, now_ms=EPOCH_MS + 5_000) == [at(1), at(3)]


async def test_pruning_forgets_what_has_expired_and_nothing_else(store: KeptStore) -> None:
    await all_stored(store, [kept(at(1)), kept(at(2), until_ms=EPOCH_MS + 5_000)])
    assert await store.prune(EPOCH_MS + 4_999) == 0
    assert await store.prune(EPOCH_MS + 5_000) == 1
    assert await ids_of(store) == [at(1)]


async def test_an_id_that_is_known_keeps_what_it_had(store: KeptStore) -> None:
    await all_stored(store, [kept(at(1), b"1"), kept(at(1), b"2")])
    assert [found.payload for found in await store.newest(TOPIC, 25, now_ms=NOW_MS)] == [b"1"]


async def test_a_topic_keeps_its_newest_and_not_many_more(store: KeptStore) -> None:
    await store.append(kept(at(0), topic=OTHER))
    ids = [at(n) for n in range(5 * PER_TOPIC)]
    await all_stored(store, map(kept, ids))
    found = await ids_of(store)
    assert found == ids[-len(found) :]
    assert PER_TOPIC <= len(found) <= PER_TOPIC + PER_TOPIC // 10 + 1
    assert await ids_of(store, OTHER) == [at(0)]


async def test_when_all_take_too_much_those_that_expire_first_make_way(store: KeptStore) -> None:
    late = [kept(at(n), b"x" * 9_000, until_ms=EPOCH_MS + LIFE_MS + n) for n in range(5)]
    soon = [kept(at(n), b"x" * 9_000, topic=OTHER, until_ms=EPOCH_MS + 5_000 + n) for n in range(5)]
    await all_stored(store, [*soon, *late])
    assert len(await ids_of(store)) + len(await ids_of(store, OTHER)) == 10
    await store.append(kept(at(9), b"x" * 20_000))
    assert await ids_of(store) == [*(at(n) for n in range(5)), at(9)]
    assert await ids_of(store, OTHER) == [at(2), at(3), at(4)]


async def test_those_who_append_at_once_are_all_there(store: KeptStore) -> None:
    topics = range(10, 20)
    await asyncio.gather(*(store.append(kept(at(n), topic=topic)) for n in range(15) for topic in topics))
    for topic in topics:
        assert await ids_of(store, topic) == [at(n) for n in range(15)]


async def test_a_read_after_a_write_sees_it(store: KeptStore) -> None:
    for n in range(15):
        await store.append(kept(at(n)))
        assert await ids_of(store, limit=1) == [at(n)]
