"""Thousands of silent rooms on a real server: who went on without us is found, at the price of those who did."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

import nats_rig
from hub_listener import HubListener
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.nats import LogSettings, NatsConnection, NatsLog, NatsServer
from whatssound.adapters.nats.moved import AT_ONCE, WHOLE, MovedRooms
from whatssound.adapters.nats.reading import Newest, StreamReader
from whatssound.bus.log import LogPosition
from whatssound.gateway.hub import CHECK_TICKS, Hub
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId

MANY = 2 * AT_ONCE + 300
ROOMS = [RoomId(n) for n in range(1, MANY + 1)]
KEPT_BYTES = 32 * 1024 * 1024


class Cluster:
    """A log, one of another process that writes, and what both share."""

    def __init__(self, connection: NatsConnection, settings: LogSettings, here: NatsLog, there: NatsLog) -> None:
        self.connection = connection
        self.settings = settings
        self.here = here
        self.there = there

    async def wrote(self, key: str, rooms: Sequence[RoomId], *, size: int = 10) -> dict[RoomId, LogPosition]:
        """One event in each of `rooms`, by the other process."""
        found: dict[RoomId, LogPosition] = {}
        for start in range(0, len(rooms), 200):
            some = rooms[start : start + 200]
            wrote = await asyncio.gather(*(self.there.append(room, b"chat\n" + b"x" * size, key=key) for room in some))
            found |= dict(zip(some, wrote, strict=True))
        return found


@pytest.fixture
async def cluster(nats_server: NatsServer) -> AsyncIterator[Cluster]:
    settings = LogSettings(name=nats_rig.new_name(), max_bytes=KEPT_BYTES)
    async with nats_rig.connected([nats_server]) as connection, nats_rig.connected([nats_server]) as other:
        here, there = await NatsLog.open(connection, settings), await NatsLog.open(other, settings)
        yield Cluster(connection, settings, here, there)
        await here.close()
        await there.close()


async def test_looking_at_silent_rooms_again_brings_no_more_events_than_those_whose_turn_it_is(
    cluster: Cluster,
) -> None:
    cursors = await cluster.wrote("a", ROOMS)
    assert await cluster.here.moved(cursors) == {}
    assert cluster.here.statistics().compared_events == MANY
    for look in range(1, 6):
        assert await cluster.here.moved(cursors) == {}
        assert cluster.here.statistics().compared_events == MANY + look * WHOLE
    assert cluster.here.statistics().compared == 6 * MANY


async def test_a_room_that_moves_among_thousands_is_told_wherever_it_stands(cluster: Cluster) -> None:
    cursors = await cluster.wrote("a", ROOMS)
    assert await cluster.here.moved(cursors) == {}
    for room in (ROOMS[0], ROOMS[MANY // 2], ROOMS[-1]):
        moved = await cluster.wrote("b", [room])
        assert await cluster.here.moved(cursors) == moved
        assert await cluster.here.moved(cursors) == moved, "until its cursor has followed"
        cursors |= moved
        assert await cluster.here.moved(cursors) == {}


async def test_rooms_that_come_and_rooms_that_go_on_are_both_looked_at(cluster: Cluster) -> None:
    cursors = await cluster.wrote("a", ROOMS)
    known = dict(list(cursors.items())[: MANY // 2])
    assert await cluster.here.moved(known) == {}
    late = await cluster.wrote("b", ROOMS[MANY // 2 - 300 : MANY // 2 + 300])
    assert await cluster.here.moved(cursors) == late


async def test_more_than_one_page_of_rooms_that_moved_is_told_whole(cluster: Cluster) -> None:
    cursors = await cluster.wrote("a", ROOMS)
    assert await cluster.here.moved(cursors) == {}
    moved = await cluster.wrote("b", ROOMS[:600], size=5_000)
    assert await cluster.here.moved(cursors) == moved


async def test_a_room_whose_number_was_given_away_twice_is_found_when_its_turn_comes(cluster: Cluster) -> None:
    cursors = await cluster.wrote("a", ROOMS)
    assert await cluster.here.moved(cursors) == {}
    room = ROOMS[MANY // 2]
    as_before_a_restore = cursors | {room: LogPosition(cursors[room].epoch, cursors[room].seq, "another")}
    told = [await cluster.here.moved(as_before_a_restore) for _ in range(MANY // WHOLE + 1)]
    assert {room: cursors[room]} in told


class BehindReader(StreamReader):
    """Reads of a server that has the stream only up to `knows`."""

    knows: int | None = None

    async def newest_of(self, subjects: Sequence[str], *, after_seq: int = 0) -> Newest:
        newest = await super().newest_of(subjects, after_seq=after_seq)
        if self.knows is None:
            return newest
        return Newest([event for event in newest.events if event.seq <= self.knows], self.knows)


async def test_a_server_that_lags_is_believed_no_further_than_it_looked(cluster: Cluster) -> None:
    reader = BehindReader(cluster.connection, cluster.settings.name)
    rooms, epoch = MovedRooms(reader, cluster.settings.name), cluster.here.epoch
    cursors = await cluster.wrote("a", ROOMS)
    reader.knows = cursors[ROOMS[-1]].seq
    moved = await cluster.wrote("b", [ROOMS[MANY // 2]])
    for _ in range(3):
        assert await rooms.of(epoch, cursors) == {}
    reader.knows = None
    assert await rooms.of(epoch, cursors) == moved


async def test_a_last_event_that_is_lost_in_one_of_thousands_of_rooms_is_heard_after_the_next_look(
    cluster: Cluster,
) -> None:
    hub = Hub(cluster.here, MemoryBus(), Metrics(CollectorRegistry()), device_seen=lambda *_seen, **_by_name: None)
    await cluster.wrote("0", ROOMS)
    ears = {room: HubListener(hub, room) for room in ROOMS}
    for start in range(0, MANY, 100):
        await asyncio.gather(*(ears[room].join() for room in ROOMS[start : start + 100]))
    await looked(hub, 1)
    room = ROOMS[MANY // 3]
    async with nats_rig.losing_live_events(cluster.connection, cluster.settings.name):
        [lost] = await nats_rig.append(cluster.there, 1, room=room)
    await looked(hub, 2)
    await ears[room].hears(1)
    assert ears[room].broken_promises([(1, lost)]) == []
    figures = hub.checks.statistics()
    assert (figures.rooms, figures.repairs, figures.failures) == (2 * MANY, 1, 0)
    await hub.stop()


async def looked(hub: Hub, times: int) -> None:
    """Let 2 s of ticks pass, and their look be over."""
    for _ in range(CHECK_TICKS):
        hub.tick()
    await nats_rig.until(lambda: hub.checks.statistics().done == times)
