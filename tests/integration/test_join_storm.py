"""Everybody comes at once: what that reads does not grow with how many they are."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from clients import Refused, SocketClient
from gateway_rig import opened
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryLog
from whatssound.adapters.messages_sqlite.store import SqliteMessages
from whatssound.bus.log import LogEvent, LogPosition, Reset
from whatssound.ids import RoomId, UserId
from whatssound.messages.store import Page
from whatssound.wire.commands import MemberBan


class CountingLog(MemoryLog):
    """The room log, with a note of what was read of it."""

    def __init__(self) -> None:
        super().__init__("first")
        self.reads: Counter[str] = Counter()

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        self.reads["replay"] += 1
        return await super().replay(room, after)

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        self.reads["positions"] += 1
        return await super().positions(rooms)


@contextmanager
def counted_statements() -> Iterator[Counter[str]]:
    """The SQL statements of every relational database meanwhile, by their first word."""
    found: Counter[str] = Counter()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found[statement.split(maxsplit=1)[0]] += 1

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def counted_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The pages that were read of the message store meanwhile."""
    found: Counter[str] = Counter()
    newest = SqliteMessages.newest

    async def noted(store: SqliteMessages, room: RoomId, limit: int) -> Page:
        found["pages"] += 1
        return await newest(store, room, limit)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteMessages, "newest", noted)
        yield found


async def reads_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *, joins: int, banned: bool = False) -> Counter[str]:
    """What `joins` guests read who come at once into a room that nobody was in."""
    log = CountingLog()
    async with opened(folder, log=log, ticking=False) as rig, AsyncExitStack() as stack:
        room, crowd = await rig.room(), [await rig.guest(f"Guest {n}") for n in range(joins)]
        if banned:
            await rig.rooms.run(room.id, rig.dj, MemberBan(user_id=str((await rig.guest("Troll")).id)), device=None)
        clients = [await stack.enter_async_context(rig.client(user)) for user in crowd]
        log.reads.clear()
        with counted_statements() as statements, counted_pages(monkeypatch) as pages:
            replies = await asyncio.gather(*(client.join(f"room:{room.id}") for client in clients))
            await rig.accounts.sightings.write()
        assert [reply["me"]["user"]["name"] for reply in replies] == [user.name for user in crowd]
        assert rig.gateway.listeners(room.id) == joins
        return statements + pages + log.reads


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    return few, many


@pytest.mark.parametrize("banned", [False, True])
async def test_two_hundred_joins_read_as_much_as_five(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, banned: bool
) -> None:
    few = await reads_of(folders[0], monkeypatch, joins=5, banned=banned)
    many = await reads_of(folders[1], monkeypatch, joins=200, banned=banned)
    assert few == many
    assert few["pages"] == 1
    assert few["positions"] == 1
    assert few["replay"] == 0


async def test_who_comes_back_with_a_position_reads_the_log_no_more_often_in_a_crowd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CountingLog()
    async with opened(tmp_path, log=log, ticking=False) as rig, AsyncExitStack() as stack:
        room, crowd = await rig.room(), [await rig.guest(f"Guest {n}") for n in range(30)]
        topic = f"room:{room.id}"
        async with rig.client(rig.dj) as dj:
            await dj.join(topic)
            await dj.push(topic, "chat:send", text="one", nonce="1")
            after = (await dj.join(topic))["position"]
            await dj.push(topic, "chat:send", text="two", nonce="2")
        clients = [await stack.enter_async_context(rig.client(user)) for user in crowd]
        log.reads.clear()
        with counted_pages(monkeypatch) as pages:
            replies = await asyncio.gather(*(client.join(topic, after=after) for client in clients))
        assert [[name for name, _ in reply["events"]] for reply in replies] == [["chat"]] * 30
        assert log.reads == Counter(replay=1, positions=1)
        assert pages["pages"] <= 1


async def test_a_message_between_two_joins_is_in_the_second_reply(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room = await rig.room()
        topic = f"room:{room.id}"
        async with rig.client(rig.dj) as dj, rig.client(await rig.guest("Ana")) as ana:
            before = await dj.join(topic)
            await dj.push(topic, "chat:send", text="hello", nonce="1")
            after = await ana.join(topic)
        assert (before["messages"], [message["text"] for message in after["messages"]]) == ([], ["hello"])
        assert after["position"]["seq"] > before["position"]["seq"]


async def test_joins_at_one_position_share_one_look_for_a_second_at_most(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room = await rig.room()
        looked = []
        for wait_ms in (0, 999, 1):
            rig.time.ms += wait_ms
            async with rig.client(None) as reader, rig.client(rig.dj) as dj:
                await dj.join(f"room:{room.id}")
                await reader.join(f"room:{room.id}")
                looked.append(rig.gateway.snapshots.statistics().looked_up)
        first, within, later = looked
        assert within - first == 1  # only to see that the room is there, since everybody had left
        assert later - within == 2


async def test_a_rename_before_a_join_is_respected_although_the_token_knows_the_old_name(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room, ana = await rig.room(), await rig.guest("Ana")
        client = rig.client(ana)
        await rig.accounts.rename(ana, "Anna")
        async with client:
            assert (await client.join(f"room:{room.id}"))["me"]["user"]["name"] == "Anna"


async def test_a_recalled_token_lets_nobody_in(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room, ana = await rig.room(), await rig.guest("Ana")
        client = rig.client(ana)
        rig.accounts.recall(ana.id)
        async with client:
            with pytest.raises(Refused) as refused:
                await client.join(f"room:{room.id}")
        assert refused.value.code == "unauthorized"


async def test_whose_account_is_gone_unnoticed_is_signed_out_once_that_is_found(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room = await rig.room()
        ghost = User(UserId(99), "Ghost", "guest")
        async with rig.client(ghost) as client:
            await client.join(f"room:{room.id}")
            await rig.accounts.sightings.write()
            with pytest.raises(Refused) as refused:
                await client.push(f"room:{room.id}", "chat:send", text="boo", nonce="1")
        assert refused.value.code == "unauthorized"


async def test_who_was_banned_meanwhile_is_not_shown_what_was_looked_up_before(tmp_path: Path) -> None:
    async with opened(tmp_path, ticking=False) as rig:
        room, troll = await rig.room(), await rig.guest("Troll")
        async with rig.client(troll) as client, SocketClient(rig.url, rig.accounts.token_for(troll)) as other:
            await client.join(f"room:{room.id}")
            await rig.rooms.run(room.id, rig.dj, MemberBan(user_id=str(troll.id)), device=None)
            with pytest.raises(Refused) as refused:
                await other.join(f"room:{room.id}")
        assert refused.value.code == "banned"
