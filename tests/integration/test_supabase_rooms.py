"""A session through Supabase's and Phoenix's public clients, unchanged: they follow its DJ and talk to everybody."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from clients import SocketClient
from music import make_wav
from public_clients import KINDS, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> str:
    return server.token("owner")


@pytest.fixture(scope="module")
def track(server: ServerProcess, owner: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a song that can be played."""
    song = make_wav(tmp_path_factory.mktemp("song") / "Opener.wav", seconds=20).read_bytes()
    form = b"--x\r\nContent-Disposition: form-data; name=file; filename=Opener.wav\r\n\r\n" + song + b"\r\n--x--\r\n"
    headers = {"Authorization": f"Bearer {owner}", "Content-Type": "multipart/form-data; boundary=x"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/tracks", form, headers), timeout=60) as answer:
        return json.load(answer)["id"]


@pytest.fixture
def room(server: ServerProcess, owner: str) -> str:
    return server.call("POST", "/v1/rooms", {"title": "Together"}, token=owner)["room"]["id"]


@each_kind
async def test_a_client_follows_a_dj(
    *, server: ServerProcess, clients: PublicClients, owner: str, track: str, room: str, kind: str
) -> None:
    reader = await (await clients.make(kind, server.url, server.token("anon"))).join(f"room:{room}")
    shown = {name: (await reader.broadcast(name))["payload"] for name in ("room", "playback", "queue", "listeners")}
    assert shown["room"]["title"] == "Together"
    assert (shown["playback"]["playing"], shown["queue"]["entries"]) == (False, [])
    async with SocketClient(server.url, owner) as dj:
        await dj.join(f"room:{room}", device="decks")
        added = await dj.push(f"room:{room}", "queue:add", track_id=track, nonce="q1")
        queue = (await reader.broadcast("queue"))["payload"]
        assert [entry["id"] for entry in queue["entries"]] == [added["entry_id"]]
        await dj.push(f"room:{room}", "playback:play", entry_id=added["entry_id"])
        playback = (await reader.broadcast("playback"))["payload"]
        assert (playback["playing"], playback["track"]["title"]) == (True, "Opener")
        assert playback["rev"] > shown["playback"]["rev"]


@each_kind
async def test_a_client_talks_with_people_in_the_room(
    server: ServerProcess, clients: PublicClients, owner: str, room: str, kind: str
) -> None:
    ana = server.guest("Ana")["access_token"]
    here = await (await clients.make(kind, server.url, ana)).join(f"room:{room}", ack=True)
    async with SocketClient(server.url, owner) as dj:
        await dj.join(f"room:{room}")
        assert await here.send("chat", {"text": "hello"}) == "ok"
        heard = await dj.event("chat")
        assert (heard["text"], heard["user"]["name"][:3]) == ("hello", "Ana")
        await dj.push(f"room:{room}", "chat:send", text="welcome", nonce="n1")
        said = await here.broadcast("chat")
    assert said["payload"]["text"] == "welcome", "its own line came back"
    history = server.call("GET", f"/v1/rooms/{room}/messages", token=owner)["messages"]
    assert [message["text"] for message in history] == ["welcome", "hello"]


async def test_all_kinds_talk_in_one_room(server: ServerProcess, clients: PublicClients, room: str) -> None:
    async def come(kind: str) -> Any:
        token = server.guest(kind)["access_token"]
        return await (await clients.make(kind, server.url, token)).join(f"room:{room}", ack=True)

    people = {kind: await come(kind) for kind in KINDS}
    for kind, speaker in people.items():
        assert await speaker.send("chat", {"text": kind}) == "ok"
        for other, listener in people.items():
            if other != kind:
                assert (await listener.broadcast("chat"))["payload"]["text"] == kind
    assert not [kind for kind, channel in people.items() if _chats(channel)]


def _chats(channel: Any) -> list[Any]:
    return [told for told in channel.untaken("broadcast") if told["event"] == "chat"]


@each_kind
async def test_who_comes_later_has_what_was_said_replayed(
    server: ServerProcess, clients: PublicClients, owner: str, room: str, kind: str
) -> None:
    async with SocketClient(server.url, owner) as dj:
        await dj.join(f"room:{room}")
        said = [await dj.push(f"room:{room}", "chat:send", text=f"{n}", nonce=f"n{n}") for n in range(4)]
        client = await clients.make(kind, server.url, server.token("anon"))
        here = await client.join(f"room:{room}", private=True, replay={"since": 0, "limit": 3})
        await dj.push(f"room:{room}", "chat:send", text="live", nonce="n9")
        heard = [await here.broadcast("chat") for _ in range(4)]
    assert [event["payload"]["text"] for event in heard] == ["1", "2", "3", "live"]
    assert [(event.get("meta") or {}).get("id") for event in heard] == [*(each["id"] for each in said[1:]), None]


@each_kind
async def test_a_reader_is_told_that_it_cannot_talk(
    server: ServerProcess, clients: PublicClients, room: str, kind: str
) -> None:
    here = await (await clients.make(kind, server.url, server.token("anon"))).join(f"room:{room}", ack=True)
    assert await here.send("chat", {"text": "hello"}) != "ok"


@each_kind
async def test_a_room_that_does_not_exist_says_so(server: ServerProcess, clients: PublicClients, kind: str) -> None:
    client = await clients.make(kind, server.url, server.token("anon"))
    here = await client.join("room:12345", subscribed=False)
    assert "There is no such session" in str((await here.status("CHANNEL_ERROR"))["error"])


@each_kind
async def test_who_is_banned_is_told_and_stays_out(
    server: ServerProcess, clients: PublicClients, owner: str, room: str, kind: str
) -> None:
    ana = server.guest("Ana")
    here = await (await clients.make(kind, server.url, ana["access_token"])).join(f"room:{room}")
    async with SocketClient(server.url, owner) as dj:
        await dj.join(f"room:{room}")
        await dj.push(f"room:{room}", "member:ban", user_id=ana["user"]["id"])
    if kind == "realtime-py":
        told = str((await here.status("CHANNEL_ERROR"))["error"])
    else:
        told = (await here.system())["message"]
    assert "You were banned from this session." in told
    await here.status("CLOSED")


async def test_a_client_comes_back_when_the_server_does(clients: PublicClients, tmp_path: Path) -> None:
    """And is shown the room as it stands then."""
    with ServerProcess(tmp_path / "data") as server:
        owner = server.token("owner")
        room = server.call("POST", "/v1/rooms", {"title": "Before"}, token=owner)["room"]["id"]
        client = await clients.make("supabase-js", server.url, server.token("anon"), reconnect_ms=50)
        here = await client.join(f"room:{room}")
        assert (await here.broadcast("room"))["payload"]["title"] == "Before"
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        server.call("PATCH", f"/v1/rooms/{room}", {"title": "After"}, token=owner)
        shown = await here.take("broadcast", lambda told: told["event"] == "room" and _title(told) == "After")
    assert shown["payload"]["id"] == room


def _title(told: dict[str, Any]) -> str:
    return told["payload"]["title"]
