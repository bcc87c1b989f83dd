"""A room as Supabase's clients see it, over a real socket: its events as broadcasts, and who comes in and stays."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from clients import Refused
from gateway_rig import Rig, opened
from room_view_steps import broadcast, config, plain, says, view
from whatssound.ids import RoomId, UserId
from whatssound.rooms.room import Room
from whatssound.rooms.view import RoomView
from whatssound.wire import commands


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


@pytest.fixture
async def room(rig: Rig) -> Room:
    return await rig.room()


async def test_the_state_follows_the_join_reply(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        assert await reader.join(view(room), **config()) == {"postgres_changes": []}
        await broadcast(reader, "listeners")
        shown = {payload["event"]: payload["payload"] for _, _, payload in reader.events}
    assert list(shown) == ["room", "playback", "queue", "listeners"]
    assert shown["room"]["slug"] == room.slug
    assert shown["playback"]["playing"] is False
    assert shown["queue"] == {"rev": 1, "entries": []}
    assert shown["listeners"] == {"count": 1}


async def test_a_view_hears_the_same_objects_as_the_room(rig: Rig, room: Room) -> None:
    async with rig.client(rig.dj) as dj, rig.client() as reader:
        await dj.join(plain(room), device="decks")
        await reader.join(view(room), **config(private=True))
        added = await dj.push(plain(room), "queue:add", track_id="7", nonce="q1")
        await dj.push(plain(room), "playback:play", entry_id=added["entry_id"])
        await dj.push(plain(room), "chat:send", text="hello", nonce="n1")
        await dj.push(plain(room), "reaction", emoji="🔥")
        await broadcast(reader, "reactions")
        await dj.event("reactions")
        heard = [(payload["event"], payload["payload"]) for _, name, payload in reader.events if name == "broadcast"]
        told = [(name, payload) for _, name, payload in dj.events]
    assert [each for each in heard if "seq" in each[1]] == [each for each in told if "seq" in each[1]]
    assert {"queue", "playback", "chat"} <= {name for name, payload in heard if "seq" in payload}
    assert ("reactions", {"🔥": 1}) in heard


async def test_version_one_hears_it_as_well(rig: Rig, room: Room) -> None:
    async with rig.client(rig.dj) as dj, rig.client() as reader:
        await dj.join(plain(room))
        address = rig.url.replace("http://", "ws://") + f"/socket/websocket?vsn=1.0.0&apikey={reader.token}"
        async with connect(address, compression=None) as old:
            join = {"topic": view(room), "event": "phx_join", "payload": config(), "ref": "1", "join_ref": "1"}
            await old.send(json.dumps(join))
            frames = [json.loads(await old.recv()) for _ in range(5)]
            await dj.push(plain(room), "chat:send", text="hello", nonce="n1")
            said = json.loads(await old.recv())
            while said["payload"]["event"] != "chat":
                said = json.loads(await old.recv())
    assert [frame["payload"].get("event") for frame in frames] == [None, "room", "playback", "queue", "listeners"]
    assert said.keys() == {"topic", "event", "payload", "ref"}
    assert said["payload"]["payload"]["text"] == "hello"


async def test_presence_is_answered_with_the_way_to_ask_who_is_there(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(view(room), **config(presence={"key": "", "enabled": True}))
        assert await ana.event("presence_state") == {}
        with pytest.raises(Refused) as refused:
            await ana.push(view(room), "presence", type="presence", event="track", payload={"typing": True})
        assert await ana.push(view(room), "presence", type="presence", event="untrack") == {}
    assert f"GET /v1/rooms/{room.id}/listeners" in refused.value.response["message"]


async def test_database_changes_are_answered_with_what_there_is(rig: Rig, room: Room) -> None:
    asked = {"event": "*", "schema": "public"}
    async with rig.client() as reader:
        reply = await reader.join(view(room), **config(postgres_changes=[asked]))
        told = await reader.event("system")
    assert [{**asked, "id": item["id"]} for item in reply["postgres_changes"]] == reply["postgres_changes"]
    assert (told["extension"], told["status"], told["channel"]) == ("postgres_changes", "error", f"room:{room.id}")


async def test_a_room_that_does_not_exist_is_final(rig: Rig) -> None:
    async with rig.client() as reader:
        with pytest.raises(Refused) as refused:
            await reader.join("realtime:room:12345", **config())
        await reader.event("phx_close")
    assert refused.value.response == {"reason": "There is no such session."}


async def test_a_name_that_is_no_id_is_a_topic_like_any_other(rig: Rig) -> None:
    async with rig.client() as reader:
        assert await reader.join("realtime:room:lobby", **config()) == {"postgres_changes": []}
        assert await reader.join("realtime:room:007", **config()) == {"postgres_changes": []}


async def test_who_is_banned_is_told_and_does_not_come_back(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(ana) as client:
        await client.join(view(room), **config())
        await rig.rooms.run(room.id, rig.dj, commands.MemberBan(user_id=str(ana.id)), device=None)
        told = await client.event("system")
        await client.event("phx_close")
        with pytest.raises(Refused) as refused:
            await client.join(view(room), **config())
        await client.event("phx_close", after=len(client.events) - 1)
    assert (told["status"], told["message"]) == ("error", "You were banned from this session.")
    assert refused.value.response == {"reason": "You are banned from this session."}


async def test_who_is_banned_while_joining_does_not_come_in(
    rig: Rig, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, look = await rig.guest("Ana"), rig.gateway.snapshots._look
    async with rig.client(ana) as client, rig.client() as other:
        await other.join(view(room), **config())

        async def look_before(asked: RoomId) -> RoomView:
            monkeypatch.undo()
            seen = await look(asked)
            await rig.rooms.run(room.id, rig.dj, commands.MemberBan(user_id=str(ana.id)), device=None)
            return seen

        monkeypatch.setattr(rig.gateway.snapshots, "_look", look_before)
        rig.time.ms += 10_000  # what was looked up before is too old
        join = ["1", "1", view(room), "phx_join", {**config(), "access_token": client.token}]
        await client.send_raw(json.dumps(join))
        await client.event("phx_close")
        assert [name for _, name, _ in client.events] == ["phx_close"]
        await broadcast(other, "listeners", where=lambda payload: payload["count"] == 1)


async def test_an_interrupted_room_is_joined_again(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        await reader.join(view(room), **config())
        for topic in tuple(rig.gateway.hub._topics.values()):
            topic.feed.start_over()
        await reader.event("phx_error")
        assert await reader.join(view(room), **config()) == {"postgres_changes": []}


async def test_an_expired_token_ends_the_channel_and_a_newer_one_does_not(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(ana, ttl_s=60) as stays, rig.client(ana, ttl_s=60) as goes:
        await stays.join(view(room), **config())
        await goes.join(view(room), **config())
        newer = rig.accounts.token_for(ana, ttl_s=3_600)
        await stays.send_raw(json.dumps(["1", "9", view(room), "access_token", {"access_token": newer}]))
        await stays.push(view(room), "presence", type="presence", event="untrack")
        rig.time.ms += 61_000
        told = await goes.event("system")
        await goes.event("phx_close")
        assert await stays.push(view(room), "presence", type="presence", event="untrack") == {}
    assert told["message"].startswith("Token has expired ")
    assert stays.events[-1][1] != "phx_close"


async def test_a_reader_who_signs_in_speaks_on_the_same_channel(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client() as client:
        await client.join(view(room), **config(ack=True))
        assert [person.name for person in await rig.gateway.people(room.id, UserId(0), 10)] == []
        token = rig.accounts.token_for(ana)
        await client.send_raw(json.dumps(["1", "9", view(room), "access_token", {"access_token": token}]))
        assert "id" in await client.push(view(room), "broadcast", **says("hello"))
        assert [person.name for person in await rig.gateway.people(room.id, UserId(0), 10)] == ["Ana"]


async def test_a_token_that_is_none_ends_the_channel(rig: Rig, room: Room) -> None:
    async with rig.client() as client:
        await client.join(view(room), **config())
        await client.send_raw(json.dumps(["1", "9", view(room), "access_token", {"access_token": "nonsense"}]))
        assert (await client.event("system"))["status"] == "error"
        await client.event("phx_close")


async def test_a_view_and_the_room_on_one_socket_count_as_two(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(view(room), **config())
        assert (await ana.join(plain(room)))["listeners"] == 2
        await ana.event("listeners", where=lambda payload: payload["count"] == 2)
        await broadcast(ana, "listeners", where=lambda payload: payload["count"] == 2)
        await ana.push(view(room), "phx_leave")
        await ana.event("listeners", where=lambda payload: payload["count"] == 1)
