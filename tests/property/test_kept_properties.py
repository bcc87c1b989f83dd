"""What is kept is what somebody would write down: ids only grow, and a replay is the newest that still live."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from room_builders import ManualClock
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.messages_sqlite import SqliteMessages
from whatssound.ids import EPOCH_MS, Snowflakes, ms_of
from whatssound.realtime.broadcast import Broadcast, decode_broadcast
from whatssound.realtime.kept import KeptBroadcasts, KeptLimits
from whatssound.realtime.topics import Topic
from whatssound.wire import realtime as wire

TOPIC = Topic("room", private=True)
LIFE_MS, PAYLOAD_BYTES = 50_000, 600_000
T0 = EPOCH_MS + 1_000_000


@dataclass(frozen=True)
class Sent:
    """A broadcast: after the clock has moved by `moved_ms`, in an earlier life of the process when `restarted`."""

    moved_ms: int
    restarted: bool
    ttl_ms: int | None
    large: bool


sent = st.builds(
    Sent,
    moved_ms=st.just(0) | st.integers(-20_000, 20_000),
    restarted=st.booleans(),
    ttl_ms=st.none() | st.integers(1, 2 * LIFE_MS),
    large=st.booleans(),
)


def payload_of(number: int, *, large: bool) -> bytes:
    return b'{"n":%d,"pad":"%b"}' % (number, b"x" * (300_000 if large else 0))


@settings(max_examples=40)
@given(st.lists(sent, min_size=1, max_size=12), st.integers(-30_000, 30_000), st.integers(1, 25))
def test_a_replay_is_what_somebody_would_have_written_down(
    history: Sequence[Sent], since_offset_ms: int, limit: int
) -> None:
    asyncio.run(_compared(history, since_offset_ms, limit))


async def _compared(history: Sequence[Sent], since_offset_ms: int, limit: int) -> None:
    clock, bus, heard = ManualClock(T0), MemoryBus(), list[Broadcast]()
    bus.subscribe(TOPIC.bus, lambda message: heard.append(decode_broadcast(message)))
    written = list[tuple[int, int, bytes]]()  # id, when it expires, payload
    latest_ms = clock.now_ms  # what had expired then may be forgotten, also when the clock steps back
    with TemporaryDirectory() as folder:
        async with await SqliteMessages.open(Path(folder) / "m.sqlite3", now_ms=clock) as messages:
            store = messages.kept(per_topic=100, most_bytes=1 << 30)
            limits = KeptLimits(LIFE_MS, PAYLOAD_BYTES)
            kept = KeptBroadcasts(store, bus, Snowflakes(clock), limits, now_ms=clock)
            for number, step in enumerate(history):
                clock.advance(step.moved_ms)
                latest_ms = max(latest_ms, clock.now_ms)
                if step.restarted:
                    kept = KeptBroadcasts(store, bus, Snowflakes(clock), limits, now_ms=clock)
                payload = payload_of(number, large=step.large)
                shown = [id for id, expires_ms, _ in written if expires_ms > latest_ms]
                id = int(await kept.keep(TOPIC, Broadcast("e", wire.broadcast("e", payload)), step.ttl_ms))
                assert all(id > other for other in shown), "an order that somebody could have seen is reversed"
                written.append((id, ms_of(id) + min(step.ttl_ms or LIFE_MS, LIFE_MS), payload))
            clock.now_ms = latest_ms
            since_ms = int(latest_ms) + since_offset_ms
            found = await read_all(kept, since_ms, limit)
    assert [int(broadcast.id) for broadcast in heard] == [id for id, _, _ in written]
    living = sorted((id, payload) for id, expires_ms, payload in written if expires_ms > latest_ms)
    expected = [(id, payload) for id, payload in living if ms_of(id) >= since_ms][-limit:]
    assert [(int(each.id), each.payload) for each in found] == [
        (id, wire.broadcast("e", payload, wire.kept_meta(str(id), replayed=True))) for id, payload in expected
    ]


async def read_all(kept: KeptBroadcasts, since_ms: int, limit: int) -> list[Broadcast]:
    """Page by page, as `gateway.replays` does."""
    found, below = list[Broadcast](), None
    while True:
        page = await kept.since(TOPIC, since_ms, limit - len(found), below)
        found = page.broadcasts + found
        if not page.has_more:
            return found
        below = found[0].id
