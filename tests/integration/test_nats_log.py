"""The room log on real servers: what they trim, lose, repeat and restore is never taken for the truth."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import nats_rig
from contract.listening import Heard
from hub_listener import HubListener
from nats_rig import append, replayed
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.nats import LogSettings, NatsConnection, NatsLog, NatsServer, begin_epoch
from whatssound.adapters.nats.log import BACKWARDS_SEEN, FULL
from whatssound.adapters.nats.reading import Stored, StreamReader
from whatssound.adapters.nats.since import Untold, since
from whatssound.adapters.nats.stream import StreamState, live_subject, room_subject, stream_state
from whatssound.bus.log import LogEvent, LogPosition, LogUnavailable
from whatssound.gateway.hub import CHECK_TICKS, Hub
from whatssound.gateway.metrics import Metrics
from whatssound.ids import RoomId

ROOM, OTHER = RoomId(1), RoomId(2)

KEPT_BYTES = 16 * 1024 * 1024
"""The server sets them aside for each stream."""


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[NatsConnection]:
    async with nats_rig.connected([nats_server]) as connection:
        yield connection


@pytest.fixture
def settings() -> LogSettings:
    return LogSettings(name=nats_rig.new_name(), max_bytes=KEPT_BYTES)


@pytest.fixture
async def log(connection: NatsConnection, settings: LogSettings) -> AsyncIterator[NatsLog]:
    log = await NatsLog.open(connection, settings)
    yield log
    await log.close()


def hub_on(log: NatsLog) -> Hub:
    return Hub(log, MemoryBus(), Metrics(CollectorRegistry()), device_seen=nobody_cares)


def nobody_cares(room_id: RoomId, device: str) -> None:
    del room_id, device


async def test_what_is_trimmed_by_age_is_a_reset_and_the_next_event_has_no_predecessor(
    connection: NatsConnection,
) -> None:
    settings = LogSettings(name=nats_rig.new_name(), max_age_s=1, max_bytes=KEPT_BYTES)
    log = await NatsLog.open(connection, settings)
    [old] = await append(log, 1, room=ROOM)
    await log.refresh()
    async with asyncio.timeout(nats_rig.PATIENCE_S):
        while log.statistics().events:
            await asyncio.sleep(0.05)
            await log.refresh()
    assert await replayed(log, old, ROOM) is None
    heard: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, heard.append)
    await append(log, 2, room=ROOM)
    assert (await heard.count(1))[0].prev == 0
    await log.close()


async def test_a_purge_below_the_cursor_is_no_loss_and_one_above_it_is_a_reset(
    connection: NatsConnection, settings: LogSettings, log: NatsLog
) -> None:
    positions = await append(log, 1, 2, 3, 4, 5, room=ROOM)
    await append(log, 6, room=OTHER)
    subject = room_subject(settings.name, log.epoch, ROOM)
    await nats_rig.api(connection, f"STREAM.PURGE.{settings.name}", {"filter": subject, "seq": positions[2].seq})
    assert await replayed(log, positions[2], ROOM) == ["k4", "k5"]
    await nats_rig.api(connection, f"STREAM.PURGE.{settings.name}", {"filter": subject, "seq": positions[4].seq})
    assert await replayed(log, positions[2], ROOM) is None
    await nats_rig.api(connection, f"STREAM.PURGE.{settings.name}", {"filter": subject})
    assert await replayed(log, positions[4], ROOM) is None


async def test_a_replay_of_many_pages_is_whole_and_in_order(log: NatsLog) -> None:
    [start] = await append(log, 0, room=ROOM)
    numbers = range(1, 1_701)
    for first in range(1, 1_701, 100):
        await asyncio.gather(*(log.append(ROOM, b"chat\n{}", key=str(n)) for n in range(first, first + 100)))
    answer = await log.replay(ROOM, start)
    assert isinstance(answer, list)
    assert sorted(int(event.key) for event in answer) == list(numbers)
    assert [event.prev for event in answer] == [start.seq, *(event.seq for event in answer[:-1])]


async def test_positions_of_many_rooms_are_asked_in_pieces(log: NatsLog) -> None:
    rooms = [RoomId(n) for n in range(1, 601)]
    wrote = await asyncio.gather(*(log.append(room, b"x" * 5_000, key="a") for room in rooms))
    stranger = await NatsLog.open(log._connection, log._settings)
    assert await stranger.positions([*rooms, RoomId(999)]) == {
        **dict(zip(rooms, wrote, strict=True)),
        RoomId(999): LogPosition(log.epoch, 0, ""),
    }
    await stranger.close()


async def test_a_last_event_that_is_lost_and_then_silence_is_found_by_comparing_positions(
    connection: NatsConnection, settings: LogSettings, log: NatsLog
) -> None:
    hub = hub_on(log)
    ear = HubListener(hub, ROOM)
    await ear.join()
    await append(log, 1, room=ROOM)
    await ear.hears(1)
    async with nats_rig.losing_live_events(connection, settings.name):
        acknowledged = await append(log, 2, room=ROOM)
    for _ in range(CHECK_TICKS):
        hub.tick()
    await ear.hears(2)
    assert ear.broken_promises([(2, acknowledged[0])]) == []
    assert ear.resets == 0
    await hub.stop()


async def test_a_repeated_append_is_told_to_nobody_also_across_processes(log: NatsLog) -> None:
    other = await NatsLog.open(log._connection, log._settings)
    heard: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, heard.append)
    [first] = await append(log, 1, room=ROOM)
    assert await append(other, 1, 2, room=ROOM) == [first, (await other.positions([ROOM]))[ROOM]]
    assert nats_rig.keys(await heard.count(2)) == ["k1", "k2"]
    assert other.statistics().duplicates == 1
    await other.close()


async def test_a_stream_that_was_made_anew_is_another_epoch_and_everybody_starts_over(
    connection: NatsConnection, settings: LogSettings, log: NatsLog
) -> None:
    hub = hub_on(log)
    ear = HubListener(hub, ROOM)
    await ear.join()
    before = await append(log, 1, room=ROOM)
    await ear.hears(1)
    await nats_rig.api(connection, f"STREAM.DELETE.{settings.name}")
    after = await append(log, 2, room=ROOM)
    assert after[0].epoch != before[0].epoch
    assert await replayed(log, before[0], ROOM) is None
    await nats_rig.until(lambda: ear.resets > 0)
    assert ear.broken_promises([(1, before[0]), (2, after[0])]) == []
    await hub.stop()


async def test_a_new_epoch_turns_away_who_still_writes_to_the_old_one_and_is_learned_by_all(
    connection: NatsConnection, settings: LogSettings, log: NatsLog
) -> None:
    [old] = await append(log, 1, room=ROOM)
    gaps: list[str] = []
    log.on_gap(lambda: gaps.append(log.epoch))
    epoch = await begin_epoch(connection, settings)
    [new] = await append(log, 1, room=ROOM)
    assert (new.epoch, log.epoch, gaps) == (epoch, epoch, [epoch])
    assert new.epoch != old.epoch
    assert await replayed(log, old, ROOM) is None
    assert await replayed(log, new, ROOM) == []
    assert await begin_epoch(connection, settings, instead_of=old.epoch) == epoch


async def test_a_store_put_back_from_a_copy_reuses_numbers_and_no_position_is_mistaken(tmp_path: Path) -> None:
    settings = LogSettings(name="t")
    with nats_rig.one_server(tmp_path / "server") as server:
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, settings)
            shared = await append(log, 1, 2, room=ROOM)
            server.stop()
            shutil.copytree(server.store, tmp_path / "copy")
            server.start()
            lost = await append(log, 3, 4, room=ROOM)
            await log.close()
        server.stop()
        shutil.rmtree(server.store)
        shutil.copytree(tmp_path / "copy", server.store)
        server.start()
        # A process that starts after the restore knows nothing of the numbers that were used before.
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, settings)
            reused = await append(log, 5, 6, room=ROOM)
            assert [position.seq for position in reused] == [position.seq for position in lost]
            assert await replayed(log, shared[1], ROOM) == ["k5", "k6"]
            assert await replayed(log, lost[0], ROOM) is None
            assert await replayed(log, lost[1], ROOM) is None
            await log.close()


async def test_a_store_put_back_under_a_running_process_gets_a_new_epoch_by_itself(tmp_path: Path) -> None:
    settings = LogSettings(name="t")
    with nats_rig.one_server(tmp_path / "server") as server:
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, settings)
            await append(log, 1, room=ROOM)
            server.stop()
            shutil.copytree(server.store, tmp_path / "copy")
            server.start()
            before = await append(log, 2, 3, 4, room=ROOM)
            server.stop()
            shutil.rmtree(server.store)
            shutil.copytree(tmp_path / "copy", server.store)
            server.start()
            after = await append(log, 5, 6, room=ROOM)
            assert {position.epoch for position in after} == {log.epoch}
            assert log.epoch != before[0].epoch
            assert await replayed(log, before[1], ROOM) is None
            assert await replayed(log, after[0], ROOM) == ["k6"]
            await log.close()


async def test_an_append_waits_for_the_server_to_come_back_and_is_stored_once(tmp_path: Path) -> None:
    with nats_rig.one_server(tmp_path) as server:
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, LogSettings(name="t"))
            gaps: list[int] = []
            log.on_gap(lambda: gaps.append(1))
            heard: Heard[LogEvent] = Heard()
            await log.subscribe(ROOM, heard.append)
            first = await append(log, 1, room=ROOM)
            server.kill()
            appending = asyncio.create_task(log.append(ROOM, b"chat\n{}", key="k2"))
            await nats_rig.until(lambda: not connection.is_connected)
            server.start()
            second = await appending
            await append(log, 3, room=ROOM)
            assert nats_rig.keys(await heard.count(3)) == ["k1", "k2", "k3"]
            assert await replayed(log, first[0], ROOM) == ["k2", "k3"]
            assert (gaps, connection.statistics().reconnects) == ([1], 1)
            assert second.epoch == first[0].epoch
            await log.close()


async def test_a_log_that_does_not_answer_says_so_and_keeps_no_one_waiting_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whatssound.adapters.nats.log.APPEND_BUDGET_S", 0.2)
    with nats_rig.one_server(tmp_path) as server:
        async with nats_rig.connected([server]) as connection:
            log = await NatsLog.open(connection, LogSettings(name="t"))
            [position] = await append(log, 1, room=ROOM)
            server.kill()
            with pytest.raises(LogUnavailable):
                await append(log, 2, room=ROOM)
            await nats_rig.until(lambda: not connection.is_connected)
            for asked in (log.replay(ROOM, position), log.positions([ROOM]), log.subscribe(ROOM, lambda _: None)):
                with pytest.raises(LogUnavailable):
                    await asked
            assert log.statistics().unavailable == 1
            await log.close()


class LaggingReader(StreamReader):
    """A server that for `tries` questions knows nothing after `knows`; its leader knows all."""

    knows = 0
    tries = 0

    async def batch(self, subject: str, first_seq: int) -> list[Stored]:
        events = await super().batch(subject, first_seq)
        if self.tries == 0:
            return events
        self.tries -= 1
        return [event for event in events if event.seq <= self.knows]


@pytest.mark.parametrize("known", [0, 1, 2])
async def test_a_follower_that_lags_is_not_believed(
    connection: NatsConnection, settings: LogSettings, log: NatsLog, known: int
) -> None:
    positions = await append(log, 1, 2, 3, 4, room=ROOM)
    reader = LaggingReader(connection, settings.name)
    reader.knows, reader.tries = ([0] + [position.seq for position in positions])[known], 2
    subject = room_subject(settings.name, log.epoch, ROOM)
    answers = [
        await since(reader, subject, positions[0].seq, f"{log.epoch}.{ROOM}.k1"),
        await since(reader, subject, positions[0].seq, f"{log.epoch}.{ROOM}.k1"),
    ]
    assert answers[0] is Untold.LAGS
    assert isinstance(answers[1], list) == (known > 0)
    log._reader = reader
    reader.tries = 2
    assert await replayed(log, positions[0], ROOM) == ["k2", "k3", "k4"]
    assert log.statistics().lagging > 0


async def test_what_nobody_of_us_wrote_on_a_live_subject_is_left_aside(
    connection: NatsConnection, settings: LogSettings, log: NatsLog
) -> None:
    heard: Heard[LogEvent] = Heard()
    await log.subscribe(ROOM, heard.append)
    connection.publish(live_subject(settings.name, log.epoch, ROOM), b"no event")
    await append(log, 1, room=ROOM)
    assert nats_rig.keys(await heard.count(1)) == ["k1"]


async def test_a_dropped_slow_consumer_is_a_gap_that_is_repaired(tmp_path: Path) -> None:
    with nats_rig.one_server(tmp_path, extra="max_pending: 4MB") as server:
        async with nats_rig.connected([server], name="slow") as slow, nats_rig.connected([server]) as quick:
            log, writer = (
                await NatsLog.open(slow, LogSettings(name="t")),
                await NatsLog.open(quick, LogSettings(name="t")),
            )
            hub = hub_on(log)
            ear = HubListener(hub, ROOM)
            await ear.join()
            acknowledged = await flooded(slow, writer)
            await ear.hears(acknowledged[-1][0])
            assert slow.statistics().reconnects > 0
            assert ear.broken_promises(acknowledged) == []
            await hub.stop()
            await log.close()
            await writer.close()


async def flooded(slow: NatsConnection, writer: NatsLog) -> Sequence[tuple[int, LogPosition]]:
    """Append until the server gives `slow`, which does not read meanwhile, up; then one more."""
    transport = slow._client._transport._io_writer.transport  # type: ignore[union-attr]
    transport.pause_reading()
    acknowledged: list[tuple[int, LogPosition]] = []
    for n in range(3_000):
        event = nats_rig.encode_record("chat", {"n": n, "text": "x" * 8_000})
        acknowledged.append((n, await writer.append(ROOM, event, key=f"k{n}")))
        if n % 50 == 0 and transport.is_closing():
            break
    transport.resume_reading()
    await nats_rig.until(lambda: slow.statistics().reconnects > 0)
    acknowledged += [(9_999, (await append(writer, 9_999, room=ROOM))[0])]
    return acknowledged


async def test_three_copies_are_kept_where_there_are_three_servers_and_one_where_there_is_one(
    nats_server: NatsServer, nats_cluster: list[NatsServer]
) -> None:
    for servers, copies in (([nats_server], 1), (nats_cluster, 3)):
        async with nats_rig.connected(servers) as connection:
            settings = LogSettings(name=nats_rig.new_name(), max_bytes=KEPT_BYTES)
            log = await nats_rig.opened_log(connection, settings)
            for _ in range(2):
                stream = await nats_rig.api(connection, f"STREAM.INFO.{settings.name}")
                assert stream["config"]["num_replicas"] == copies
                await begin_epoch(connection, settings)
            await log.close()


async def test_looking_after_a_busy_stream_never_takes_it_for_a_restored_one(
    log: NatsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overtaken(connection: NatsConnection, settings: LogSettings) -> StreamState:
        state = await stream_state(connection, settings)
        await append(log, state.last_seq + 1, room=ROOM)
        return state

    monkeypatch.setattr("whatssound.adapters.nats.log.stream_state", overtaken)
    epoch = log.epoch
    for _ in range(2 * BACKWARDS_SEEN):
        await log.refresh()
    assert (log.epoch, log.statistics().epochs) == (epoch, 0)


async def test_a_stream_that_is_full_says_so(connection: NatsConnection) -> None:
    log = await NatsLog.open(connection, LogSettings(name=nats_rig.new_name(), max_bytes=100_000))
    await log.refresh()
    assert log.statistics().full == 0
    for n in range(120):
        await log.append(ROOM, b"x" * 1_000, key=str(n))
    await log.refresh()
    assert log.statistics().full > FULL
    assert log.statistics().bytes <= 100_000
    await log.close()
