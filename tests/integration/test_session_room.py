"""A room over a real socket: joining, talking, leaving, and being shown the door."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients import Refused, SocketClient
from gateway_rig import Crate, Rig, opened
from gateway_server import connected
from whatssound.rooms.room import Room


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


@pytest.fixture
async def room(rig: Rig) -> Room:
    return await rig.room()


def topic(room: Room) -> str:
    return f"room:{room.id}"


async def frame(client: Any) -> list[Any]:
    """The next frame of a plain client that is not an unlogged count."""
    while True:
        async with asyncio.timeout(20):
            read = json.loads(await client.recv())
        if read[3] != "listeners":
            return read


async def test_a_join_shows_the_room_and_where_the_listener_stands(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        reply = await ana.join(topic(room), device="kitchen")
    assert reply["room"]["slug"] == room.slug
    assert reply["playback"]["playing"] is False
    assert reply["queue"] == {"rev": 1, "entries": []}
    assert reply["listeners"] == 1
    assert (reply["me"]["user"]["name"], reply["me"]["role"]) == ("Ana", "listener")
    assert reply["messages"] == []
    assert reply["reset"] is True
    assert reply["position"]["epoch"] == "first"


async def test_what_one_says_the_other_hears_and_history_keeps(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client(await rig.guest("Ben")) as ben:
        await ana.join(topic(room))
        position = (await ben.join(topic(room)))["position"]
        said = await ana.push(topic(room), "chat:send", text="hello", nonce="n1")
        heard = await ben.event("chat")
        again = await ben.join(topic(room))
    assert (heard["id"], heard["text"], heard["seq"]) == (said["id"], "hello", said["seq"])
    assert heard["prev"] == position["seq"]
    assert [message["id"] for message in again["messages"]] == [said["id"]]


async def test_the_djs_transport_reaches_everybody(rig: Rig, room: Room) -> None:
    async with rig.client(rig.dj) as dj, rig.client() as reader:
        await dj.join(topic(room), device="decks")
        await reader.join(topic(room))
        added = await dj.push(topic(room), "queue:add", track_id="7", nonce="q1")
        await dj.push(topic(room), "playback:play", entry_id=added["entry_id"])
        playback = await reader.event("playback", where=lambda payload: payload["playing"])
        renewed = await reader.push(topic(room), "playback:get")
    assert playback["entry_id"] == added["entry_id"]
    assert playback["device"] == "decks"
    assert renewed["track"]["hls"] == "/audio/7?sig=1"


async def test_the_clock_answers_with_server_time(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        await reader.join(topic(room))
        answer = await reader.push(topic(room), "clock", t1=12.5)
    assert answer == {"t1": 12.5, "t2": rig.time.ms, "t3": rig.time.ms, "err_ms": 0.0}


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("chat:shout", {}, "unknown_command"),
        ("chat:send", {"text": 7, "nonce": "n"}, "invalid"),
        ("chat:send", {"text": "", "nonce": "n"}, "invalid"),
        ("chat:send", {"text": "x" * 2_001, "nonce": "n"}, "too_large"),
        ("clock", {}, "invalid"),
        ("playback:pause", {}, "forbidden"),
        ("reaction", {"emoji": "🦄"}, "invalid"),
        ("access_token", {"access_token": "nonsense"}, "unauthorized"),
    ],
)
async def test_a_refusal_has_a_code_a_message_and_phoenixs_reason(
    rig: Rig, room: Room, event: str, payload: dict[str, Any], code: str
) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(topic(room))
        with pytest.raises(Refused) as refused:
            await ana.push(topic(room), event, **payload)
    assert refused.value.response["code"] == refused.value.response["reason"] == code
    assert len(refused.value.response["message"]) > 10


async def test_a_reader_hears_but_does_not_speak(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        await reader.join(topic(room))
        for event, payload in (
            ("chat:send", {"text": "hi", "nonce": "n"}),
            ("reaction", {"emoji": "🔥"}),
            ("typing", {}),
        ):
            with pytest.raises(Refused, match="forbidden"):
                await reader.push(topic(room), event, **payload)


@pytest.mark.parametrize(
    ("name", "token", "code"),
    [
        ("room:1", "good", "not_found"),
        ("room:friday", "good", "not_found"),
        ("room:0{id}", "good", "not_found"),
        ("room:{id}", "bad", "unauthorized"),
    ],
)
async def test_a_join_refused_for_good_is_closed(rig: Rig, room: Room, name: str, token: str, code: str) -> None:
    given = {"good": rig.accounts.token_for(None), "bad": "nonsense"}[token]
    where = name.format(id=room.id)
    async with connected(rig.port) as client:
        await client.send(json.dumps(["j", "j", where, "phx_join", {"access_token": given}]))
        reply, closed = await frame(client), await frame(client)
    assert (reply[0], reply[1], reply[4]["status"], reply[4]["response"]["code"]) == ("j", "j", "error", code)
    assert (closed[0], closed[1], closed[3], closed[4]["code"]) == ("j", None, "phx_close", code)


async def test_a_join_without_any_token_is_unauthorized(rig: Rig, room: Room) -> None:
    async with SocketClient(rig.url) as nobody:
        with pytest.raises(Refused, match="unauthorized"):
            await nobody.join(topic(room))


async def test_the_sockets_own_token_serves_for_its_joins(rig: Rig, room: Room) -> None:
    token = rig.accounts.token_for(await rig.guest("Ana"))
    async with connected(rig.port, path="/realtime/v1/websocket", query=f"vsn=2.0.0&apikey={token}") as client:
        await client.send(json.dumps(["1", "1", topic(room), "phx_join", {}]))
        assert (await frame(client))[4]["response"]["me"]["user"]["name"] == "Ana"


async def test_version_one_hears_the_same_in_its_own_words(rig: Rig, room: Room) -> None:
    token = rig.accounts.token_for(await rig.guest("Ana"))
    async with connected(rig.port, query="vsn=1.0.0") as client:
        join = {"topic": topic(room), "event": "phx_join", "payload": {"access_token": token}, "ref": "1"}
        await client.send(json.dumps(join))
        reply = json.loads(await client.recv())
        assert (set(reply), reply["ref"], reply["payload"]["status"]) == (
            {"ref", "topic", "event", "payload"},
            "1",
            "ok",
        )
        say = {"topic": topic(room), "event": "chat:send", "payload": {"text": "hi", "nonce": "n"}, "ref": "2"}
        await client.send(json.dumps(say))
        frames = [json.loads(await client.recv()) for _ in range(2)]
    chat = next(frame for frame in frames if frame["event"] == "chat")
    assert (chat["ref"], chat["payload"]["text"]) == (None, "hi")


async def test_a_second_join_closes_the_first_under_its_old_reference(rig: Rig, room: Room) -> None:
    payload = {"access_token": rig.accounts.token_for(None)}
    async with connected(rig.port) as client:
        await client.send(json.dumps(["1", "1", topic(room), "phx_join", payload]))
        await frame(client)
        await client.send(json.dumps(["2", "2", topic(room), "phx_join", payload]))
        closed, reply = await frame(client), await frame(client)
        assert closed == ["1", None, topic(room), "phx_close", {}]
        assert (reply[0], reply[4]["status"], reply[4]["response"]["listeners"]) == ("2", "ok", 1)
        await client.send(json.dumps(["1", "3", topic(room), "clock", {"t1": 0}]))  # stale: not answered
        await client.send(json.dumps(["2", "4", topic(room), "clock", {"t1": 0}]))
        await client.send(json.dumps([None, "5", topic(room), "clock", {"t1": 0}]))
        assert [(await frame(client))[1] for _ in range(2)] == ["4", "5"]


async def test_a_leave_is_answered_and_then_closed(rig: Rig, room: Room) -> None:
    async with connected(rig.port) as client:
        payload = {"access_token": rig.accounts.token_for(None)}
        await client.send(json.dumps(["1", "1", topic(room), "phx_join", payload]))
        await frame(client)
        await client.send(json.dumps(["9", "2", topic(room), "phx_leave", {}]))  # stale
        await client.send(json.dumps(["1", "3", topic(room), "phx_leave", {}]))
        assert await frame(client) == ["1", "3", topic(room), "phx_reply", {"status": "ok", "response": {}}]
        assert await frame(client) == ["1", None, topic(room), "phx_close", {}]
        await client.send(json.dumps(["1", "4", topic(room), "clock", {"t1": 0}]))
        assert (await frame(client))[4]["response"] == {"reason": "unmatched topic"}
    assert rig.gateway.listeners(room.id) == 0


@pytest.mark.parametrize(("command", "code"), [("member:kick", "kicked"), ("member:ban", "banned")])
async def test_who_is_removed_is_told_why_and_hears_nothing_more(rig: Rig, room: Room, command: str, code: str) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(rig.dj) as dj, rig.client(ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), command, user_id=str(ana.id))
        closed = await client.event("phx_close")
        assert (closed["code"], closed["message"].startswith("You were")) == (code, True)
        assert rig.gateway.listeners(room.id) == 1
        if code == "banned":
            with pytest.raises(Refused, match="banned"):
                await client.join(topic(room))
        else:
            await client.join(topic(room))


async def test_a_mute_holds_at_once_for_words_cheers_and_typing(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(rig.dj) as dj, rig.client(ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:mute", user_id=str(ana.id), for_ms=60_000)
        for event, payload in (
            ("chat:send", {"text": "hi", "nonce": "n"}),
            ("reaction", {"emoji": "🔥"}),
            ("typing", {}),
        ):
            with pytest.raises(Refused, match="muted"):
                await client.push(topic(room), event, **payload)
        await dj.push(topic(room), "member:mute", user_id=str(ana.id), for_ms=0)
        await client.push(topic(room), "reaction", emoji="🔥")


async def test_an_expired_token_ends_the_channel_and_a_newer_one_keeps_it(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(ana, ttl_s=60) as early, rig.client(ana, ttl_s=60) as late:
        await early.join(topic(room))
        await late.join(topic(room))
        await late.push(topic(room), "access_token", access_token=rig.accounts.token_for(ana, ttl_s=600))
        rig.time.ms += 61_000
        for socket in rig.gateway.sockets():
            socket.look_again()
        assert (await early.event("phx_error"))["code"] == "unauthorized"
        with pytest.raises(Refused, match="unauthorized"):
            await early.join(topic(room))
        await late.push(topic(room), "chat:send", text="still here", nonce="n")


async def test_a_newer_token_holds_for_all_rooms_of_the_socket(rig: Rig, room: Room) -> None:
    ana, other = await rig.guest("Ana"), await rig.room("Saturday")
    async with rig.client(ana, ttl_s=60) as client:
        await client.join(topic(room))
        await client.join(topic(other))
        await client.push(topic(room), "access_token", access_token=rig.accounts.token_for(ana, ttl_s=600))
        rig.time.ms += 61_000
        for socket in rig.gateway.sockets():
            socket.check(asyncio.get_running_loop().time())
        await client.push(topic(other), "chat:send", text="still here", nonce="n")
        assert [event for _, event, _ in client.events if event == "phx_error"] == []


async def test_a_new_name_stands_on_the_very_next_line(rig: Rig, room: Room) -> None:
    ben = await rig.guest("Ben")
    async with rig.client(ben) as client:
        await client.join(topic(room))
        await rig.accounts.rename(ben, "Benedikt")
        await client.push(topic(room), "chat:send", text="call me by my full name", nonce="n")
        assert (await client.event("chat"))["user"]["name"] == "Benedikt"


async def test_somebody_elses_token_does_not_change_who_one_is(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(topic(room))
        with pytest.raises(Refused, match="forbidden"):
            await ana.push(topic(room), "access_token", access_token=rig.accounts.token_for(rig.dj))


async def test_an_ended_room_may_be_looked_at(rig: Rig, room: Room) -> None:
    await rig.rooms.patch(rig.dj, room.id, end=True)
    async with rig.client(await rig.guest("Ana")) as ana:
        assert (await ana.join(topic(room)))["room"]["state"] == "ended"
        with pytest.raises(Refused, match="ended"):
            await ana.push(topic(room), "chat:send", text="hi", nonce="n")


async def test_cheers_are_summed_and_typing_passes(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client() as reader:
        await ana.join(topic(room))
        await reader.join(topic(room))
        await ana.push(topic(room), "typing")
        assert (await reader.event("typing"))["user"]["name"] == "Ana"
        for _ in range(3):
            await ana.push(topic(room), "reaction", emoji="🔥")
        summed = 0
        while summed < 3:
            seen = len(reader.events)
            summed += (await reader.event("reactions", after=0 if summed == 0 else seen))["🔥"]
        assert summed == 3


async def test_listeners_are_counted(rig: Rig, room: Room) -> None:
    async with rig.client() as one:
        await one.join(topic(room))
        async with rig.client() as other:
            assert (await other.join(topic(room)))["listeners"] == 2
            await one.event("listeners", where=lambda payload: payload == {"count": 2})
            seen = len(one.events)
        await one.event("listeners", after=seen, where=lambda payload: payload == {"count": 1})


async def test_a_disk_that_refuses_a_command_is_told_as_such(
    rig: Rig, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Crate, "playable", full)
    async with rig.client(rig.dj) as dj:
        await dj.join(topic(room))
        with pytest.raises(Refused) as refused:
            await dj.push(topic(room), "queue:add", track_id="1", nonce="n")
    assert refused.value.code == "disk_full"
