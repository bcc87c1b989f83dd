"""Messages on SQLite: what is peculiar to one file and one writer."""

import asyncio
import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from room_builders import ManualClock
from whatssound.adapters import sqlite_files
from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.messages_sqlite import SqliteMessages, kept, rows
from whatssound.adapters.messages_sqlite.schema import KEPT_OVERHEAD_BYTES, VERSION, connect, prepare
from whatssound.adapters.messages_sqlite.writer import PRUNE_EVERY_MS, GroupCommitWriter
from whatssound.ids import EPOCH_MS, MessageId, RoomId, UserId, first_id_at
from whatssound.messages.message import Author, Message
from whatssound.realtime.kept_store import KeptBroadcast
from whatssound.wire.errors import Refusal

ROOM = RoomId(1)
BROADCAST = KeptBroadcast(7, first_id_at(EPOCH_MS + 1), "e", b"{}", True, EPOCH_MS + 5_000)
ANA = Author(UserId(1), "Ana", "listener")


def message(n: int, *, nonce: str | None = None, text: str = "hello") -> Message:
    return Message(ROOM, MessageId(first_id_at(EPOCH_MS + n)), ANA, text, nonce or f"nonce {n}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "messages.sqlite3"


async def test_messages_survive_closing_and_opening(file: Path) -> None:
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        await store.append([message(1)])
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        assert (await store.newest(ROOM, 50)).messages == (message(1),)
        assert await store.append([message(2, nonce="nonce 1")]) == [message(1).id]


async def test_closing_finishes_what_was_asked_for(file: Path) -> None:
    store = await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))
    writes = [asyncio.ensure_future(store.append([message(n)])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert [id for [id] in await asyncio.gather(*writes)] == [message(n).id for n in range(50)]
    with pytest.raises(Refusal, match="stopping"):
        await store.append([message(99)])


async def test_many_who_wait_share_one_commit(file: Path) -> None:
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        await asyncio.gather(*(store.append([message(n)]) for n in range(400)))
        done = store.statistics()
    assert (done.writes, done.failed, done.waiting) == (400, 0, 0)
    assert done.commits < 100
    assert done.largest_batch > 4


async def test_a_wrong_write_does_not_harm_those_beside_it(file: Path) -> None:
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        await store.append([message(1)])
        batch = [[message(2)], [message(3), message(1, text="other")], [message(4)]]
        answers = await asyncio.gather(*(store.append(each) for each in batch), return_exceptions=True)
        assert isinstance(answers[1], ValueError)
        assert [m.id for m in (await store.newest(ROOM, 50)).messages] == [message(n).id for n in (4, 2, 1)]


async def test_too_many_who_wait_are_refused_and_the_others_served(file: Path) -> None:
    store = await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))
    await store.close()
    writer = GroupCommitWriter(connect(str(file)), now_ms=ManualClock(EPOCH_MS), max_waiting=3, max_batch=1)
    blocker = connect(str(file))
    blocker.execute("BEGIN IMMEDIATE")  # the writer now waits for its turn, and everybody behind it
    writes = [asyncio.ensure_future(writer.write(rows.Append((message(n),)))) for n in range(10)]
    done, _ = await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
    blocker.execute("COMMIT")
    blocker.close()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    await writer.close()
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert {answer.code for answer in refused} == {"overloaded"}
    assert len(refused) in (6, 7)  # three wait, and one may be with the writer already
    assert len(done) <= len(refused)
    assert writer.statistics().refused == len(refused)


async def test_a_full_disk_refuses_and_later_takes_again(file: Path) -> None:
    store = await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))
    await store.append([message(1)])
    await store.close()
    connection = connect(str(file))
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store = SqliteMessages(file, connection, ManualClock(EPOCH_MS))
    with pytest.raises(OSError, match="full") as full:
        await store.append([message(2, text="x" * 50_000)])
    assert full.value.errno == errno.ENOSPC
    assert [m.id for m in (await store.newest(ROOM, 50)).messages] == [message(1).id]
    connection.execute("PRAGMA max_page_count = 100000")
    assert await store.append([message(2, text="x" * 50_000)]) == [message(2).id]
    await store.close()


class SickConnection(sqlite3.Connection):
    """Refuses what its disk refuses."""

    refused: frozenset[str] = frozenset()

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql in self.refused:
            raise sqlite3.OperationalError(f"disk I/O error at {sql}")
        return super().execute(sql, *parameters)


async def test_a_disk_that_refuses_even_the_rollback_does_not_end_the_writer(file: Path) -> None:
    prepare(connect(str(file)), str(file))
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=SickConnection)
    writer = GroupCommitWriter(connection, now_ms=ManualClock(EPOCH_MS))
    try:
        connection.refused = frozenset(("COMMIT", "ROLLBACK"))
        for n in (1, 2):
            with pytest.raises(OSError, match="OperationalError"):
                async with asyncio.timeout(20):
                    await writer.write(rows.Append((message(n),)))
        connection.refused = frozenset()
        assert await writer.write(rows.Append((message(3),))) == [message(3).id]
        found = connection.execute("SELECT id FROM messages").fetchall()
        assert found == [(message(3).id,)]
    finally:
        await writer.close()


async def test_a_file_of_a_newer_version_is_refused_with_advice(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(DataFolderError, match="newer WhatsSound"):
        await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))


async def test_a_file_of_the_first_version_keeps_its_messages_and_takes_broadcasts(file: Path) -> None:
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        await store.append([message(1)])
    old = sqlite3.connect(file)
    old.executescript("DROP TABLE kept; DROP TABLE kept_size; PRAGMA user_version = 1;")
    old.close()
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        assert (await store.newest(ROOM, 50)).messages == (message(1),)
        broadcasts = store.kept(per_topic=10, most_bytes=1_000_000)
        await broadcasts.append(BROADCAST)
        assert await broadcasts.size() == (1, len(BROADCAST.payload) + KEPT_OVERHEAD_BYTES)


async def test_a_copy_for_a_backup_holds_what_was_kept(file: Path, tmp_path: Path) -> None:
    async with await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS)) as store:
        await store.kept(per_topic=10, most_bytes=1_000_000).append(BROADCAST)
        sqlite_files.copy(file, tmp_path / "copy.sqlite3")
    async with await SqliteMessages.open(tmp_path / "copy.sqlite3", now_ms=ManualClock(EPOCH_MS)) as store:
        broadcasts = store.kept(per_topic=10, most_bytes=1_000_000)
        assert list(await broadcasts.newest(BROADCAST.topic, 25, now_ms=EPOCH_MS)) == [BROADCAST]


async def test_expired_broadcasts_are_forgotten_by_the_writer(file: Path) -> None:
    clock = ManualClock(EPOCH_MS)
    async with await SqliteMessages.open(file, now_ms=clock) as store:
        broadcasts = store.kept(per_topic=10, most_bytes=1_000_000)
        await broadcasts.append(BROADCAST)
        clock.advance(BROADCAST.expires_ms - EPOCH_MS + PRUNE_EVERY_MS)
        await store.append([message(1)])
        await store.append([message(2)])  # the first one's commit came before the look
        assert await broadcasts.size() == (0, 0)


async def test_replays_are_range_reads_on_the_key(file: Path) -> None:
    await (await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))).close()
    connection = connect(str(file))
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {kept.NEWEST}", (1, 0, 0, 9, 9, 0, 25)))
    assert "SEARCH kept USING INDEX sqlite_autoindex_kept_1 (topic=? AND (bucket,id)" in plan
    assert "TEMP B-TREE" not in plan
    connection.close()


@pytest.fixture
def letter(file: Path) -> Path:
    file.write_text("these are not the messages you are looking for " * 100)
    return file


async def test_a_file_that_is_no_database_is_refused_with_advice(letter: Path) -> None:
    with pytest.raises(DataFolderError, match="--data"):
        await SqliteMessages.open(letter, now_ms=ManualClock(EPOCH_MS))


async def test_nonces_are_forgotten_after_their_life_and_not_before(file: Path) -> None:
    clock = ManualClock(EPOCH_MS)
    async with await SqliteMessages.open(file, now_ms=clock) as store:
        await store.append([message(1, nonce="n")])
        clock.advance(rows.NONCE_LIFE_MS - 1_000)
        await store.append([message(2)])
        assert await store.append([message(3, nonce="n")]) == [message(1).id]
        clock.advance(2_000_000)
        await store.append([message(4)])
        assert await store.append([message(5, nonce="n")]) == [message(5).id]


async def test_pages_are_range_reads_on_the_key(file: Path) -> None:
    await (await SqliteMessages.open(file, now_ms=ManualClock(EPOCH_MS))).close()
    connection = connect(str(file))
    for query in (rows.OLDER, rows.NEWER):
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (1, 1, 1, 50)))
        assert "SEARCH messages USING PRIMARY KEY (room=? AND (bucket,id)" in plan
        assert "TEMP B-TREE" not in plan
    connection.close()
