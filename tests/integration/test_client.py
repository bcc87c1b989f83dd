"""The SDK against real servers: rooms, chat, playback, and everything that happens to connections."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from music import make_wav
from relay import Relay
from servers import ServerProcess
from whatssound.client import Chat, Client, Events, Joined, Lost, Playback, Refusal, Room, Unreachable, connect
from whatssound.wire import commands

PATIENCE_S = 30

E = TypeVar("E")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "library").mkdir()
    make_wav(folder / "library" / "tone.wav", seconds=30)
    with ServerProcess(folder / "data", "--library", str(folder / "library")) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> str:
    return server.token("owner")


@pytest.fixture
def room_id(server: ServerProcess, owner: str) -> str:
    return opened(server, owner)["id"]


def opened(server: ServerProcess, owner: str) -> dict[str, Any]:
    return server.call("POST", "/v1/rooms", {"title": "Friday night"}, token=owner)["room"]


async def until(events: Events, wanted: type[E]) -> E:
    """The next event of that kind."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if isinstance(event, wanted):
                return event
    raise AssertionError(f"the room ended before {wanted.__name__}")


async def the_only_track(client: Client) -> str:
    """The id of the track in the library, once it was scanned."""
    async with asyncio.timeout(PATIENCE_S):
        found = None
        while not found:
            found = (await client.call("GET", "/v1/tracks"))["tracks"]
    return found[0]["id"]


async def test_a_guest_joins_by_the_slug_and_is_heard_by_everybody(server: ServerProcess, owner: str) -> None:
    room = opened(server, owner)
    async with (
        connect(server.url, guest="Ana") as ana,
        connect(server.url, guest="Ben") as ben,
        ana.join(room["slug"]) as hers,
        ben.join(room["id"]) as his,
    ):
        heard = his.events()
        id = await hers.say("hello")
        chat = await until(heard, Chat)
        assert ana.account is not None
        assert (chat.id, chat.text, chat.user.name) == (id, "hello", ana.account.name)
        assert [message.id for message in his.messages] == [id]
        await hers.edit(id, "hello, all")
        assert await hers.say("and again") != id
        await until(heard, Chat)
        assert [message.text for message in his.messages] == ["hello, all", "and again"]
        assert his.position is not None
        assert his.position.seq > 0


async def test_a_message_that_is_sent_twice_is_stored_once(server: ServerProcess, room_id: str) -> None:
    async with connect(server.url, guest="Twice") as client, client.join(room_id) as room:
        first = await room.say("once", nonce="n1")
        assert await room.say("once", nonce="n1") == first
        assert [message.text async for message in room.said_after("0")] == ["once"]


async def test_server_time_is_known_soon_after_a_join(server: ServerProcess, room_id: str) -> None:
    async with connect(server.url, guest="Watch") as client, client.join(room_id) as room:
        answer, doubt_ms = None, None
        async with asyncio.timeout(PATIENCE_S):
            while doubt_ms is None:
                doubt_ms = client.clock_doubt_ms()
                answer = await room.clock(client.server_now_ms())
        assert answer is not None
        assert answer.t1 - doubt_ms - 1 <= answer.t2


async def test_a_dj_plays_and_listeners_know_where_the_music_is(
    server: ServerProcess, owner: str, room_id: str
) -> None:
    async with (
        connect(server.url, token=owner) as dj,
        connect(server.url, guest="Ear") as listener,
        dj.join(room_id, device="booth") as booth,
        listener.join(room_id) as floor,
    ):
        heard = floor.events()
        [entry] = await booth.add([await the_only_track(dj)])
        await booth.play(entry, position_ms=5_000)
        await until(heard, Playback)
        assert floor.playback.entry_id == entry
        assert floor.position_now_ms() >= 5_000 - 1_000
        await booth.pause()
        await booth.seek(12_000)
        async with asyncio.timeout(PATIENCE_S):
            while floor.playback.position_ms != 12_000:
                await until(heard, Playback)
        assert not floor.playback.playing
        assert floor.position_now_ms() == 12_000


async def test_a_refusal_is_an_exception_with_a_code(server: ServerProcess, room_id: str) -> None:
    async with connect(server.url, guest="Cy") as client, client.join(room_id) as room:
        with pytest.raises(Refusal, match="forbidden"):
            await room.pause()
        with pytest.raises(Refusal, match="invalid"):
            await room.react("not an emoji")
        for nowhere in ("there-is-no-such-room", "123"):
            with pytest.raises(Refusal, match="not_found"):
                await client.join(nowhere).__aenter__()
        await room.say("still here")


async def test_nobody_home_and_a_bad_token_are_told_apart(server: ServerProcess, room_id: str) -> None:
    with pytest.raises(Unreachable):
        await connect("http://127.0.0.1:1", guest="Nobody").__aenter__()
    with pytest.raises(Refusal, match="invalid"):
        await connect(server.url, guest="x" * 100).__aenter__()
    async with connect(server.url, token="not a token") as client:
        with pytest.raises(Refusal, match="unauthorized"):
            await client.join(room_id).__aenter__()


async def test_who_is_removed_learns_why_and_does_not_come_back(
    server: ServerProcess, owner: str, room_id: str
) -> None:
    async with (
        connect(server.url, token=owner) as dj,
        connect(server.url, guest="Rowdy") as rowdy,
        dj.join(room_id) as booth,
        rowdy.join(room_id) as room,
    ):
        heard = room.events()
        assert room.me is not None
        await booth.do(commands.MemberKick(room.me.user.id))
        with pytest.raises(Refusal, match="kicked"):
            await until(heard, Chat)
        with pytest.raises(Refusal, match="kicked"):
            await room.say("let me in")
        with pytest.raises(Refusal, match="kicked"):
            await until(room.events(), Chat)


async def test_a_connection_that_breaks_is_resumed_and_nothing_is_missing(server: ServerProcess, room_id: str) -> None:
    async with (
        Relay(server.port) as relay,
        connect(relay.url, guest="Far") as far,
        connect(server.url, guest="Near") as near,
        far.join(room_id) as room,
        near.join(room_id) as beside,
    ):
        heard = room.events()
        await beside.say("something to stand at")
        await until(heard, Chat)
        for n in range(3):
            relay.cut()
            assert await until(heard, Lost) == Lost()
            ids = [await beside.say(f"meanwhile {n}.{m}") for m in range(2)]
            assert await until(heard, Joined) == Joined(resumed=True)
            assert [(await until(heard, Chat)).id for _ in ids] == ids
        assert room.statistics() == (4, 3, 0, 0, 0)


async def restarted(server: ServerProcess, rooms: list[Room]) -> None:
    """Kill the server, start it again on its port, and wait until everybody is back."""
    heard = [room.events() for room in rooms]
    server.kill()
    await asyncio.to_thread(server.start)
    for events in heard:
        await until(events, Joined)


async def test_a_killed_server_is_met_again_and_what_was_said_arrives_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        room_id = opened(server, server.token("owner"))["id"]
        async with (
            connect(server.url, guest="Ana") as ana,
            connect(server.url, guest="Ben") as ben,
            ana.join(room_id) as hers,
            ben.join(room_id) as his,
        ):
            await hers.say("before")
            saying = [asyncio.create_task(hers.say(f"line {n}")) for n in range(5)]
            await restarted(server, [hers, his])
            ids = await asyncio.gather(*saying)
            history = [message async for message in his.said_after("0")]
            assert sorted(message.text for message in history) == ["before", *(f"line {n}" for n in range(5))]
            assert {message.id for message in history} >= set(ids)
            assert his.statistics().reset == 1
            assert [message.id for message in his.messages] == [message.id for message in history]


async def test_tokens_that_are_not_valid_any_more_are_renewed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        room_id = opened(server, server.token("owner"))["id"]
        fixed = server.guest("Fixed")["access_token"]
        async with (
            connect(server.url, guest="Ana") as ana,
            connect(server.url, token=fixed) as other,
            ana.join(room_id) as hers,
            other.join(room_id) as theirs,
        ):
            before, heard = ana.token, theirs.events()
            server.environment = {"WHATSSOUND_JWT_SECRET": "another secret, thirty-two bytes long"}
            await restarted(server, [hers])
            assert ana.token != before
            await hers.say("still me")
            with pytest.raises(Refusal, match="unauthorized"):
                await until(heard, Chat)


async def test_a_newer_token_is_shown_to_the_socket(server: ServerProcess, room_id: str) -> None:
    async with connect(server.url, guest="Ana") as ana, ana.join(room_id) as room:
        before = ana.token
        assert await ana.renew() != before
        await room.say("same socket")
        assert ana.statistics().connections == 1


async def test_the_bot_of_the_documentation_answers(server: ServerProcess, room_id: str, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-bot.md").read_text()
    bot = tmp_path / "bot.py"
    bot.write_text(page.partition("```python\n")[2].partition("```")[0])
    async with connect(server.url, guest="Ana") as ana, ana.join(room_id) as room:
        heard = room.events()
        running = await asyncio.create_subprocess_exec(sys.executable, str(bot), server.url, room_id)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while room.listeners < 2:
                    await anext(heard)
            asked = await room.say("!now")
            await until(heard, Chat)
            answer = await until(heard, Chat)
            assert (answer.text, answer.reply_to) == ("silence, 0 s", asked)
        finally:
            running.terminate()
            await running.wait()
