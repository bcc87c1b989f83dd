"""A room as Supabase's clients see it, over a real socket: its events as broadcasts, and `chat` both ways."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from clients import Refused, SocketClient
from gateway_rig import Rig, opened
from whatssound.ids import RoomId, UserId
from whatssound.rooms.room import Room
from whatssound.rooms.view import RoomView
from whatssound.wire import commands
from whatssound.wire.user_broadcast import Kind


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


@pytest.fixture
async def room(rig: Rig) -> Room:
    return await rig.room()


def plain(room: Room) -> str:
    return f"room:{room.id}"


def view(room: Room) -> str:
    return f"realtime:room:{room.id}"


def config(*, ack: bool = False, to_self: bool = False, replay: Any = None, **more: Any) -> dict[str, Any]:
    """A join's payload as supabase-js has it."""
    broadcast = {"ack": ack, "self": to_self, **({} if replay is None else {"replay": replay})}
    return {"config": {"broadcast": broadcast, "presence": {"key": "", "enabled": False}, "private": False, **more}}


async def broadcast(client: SocketClient, name: str, *, after: int = 0, where: Any = None) -> dict[str, Any]:
    """The first broadcast of this name whose payload is so."""

    def wanted(payload: dict[str, Any]) -> bool:
        return payload["event"] == name and (where is None or where(payload["payload"]))

    heard = await client.event("broadcast", after=after, where=wanted)
    assert heard["type"] == "broadcast"
    return heard


def broadcasts(client: SocketClient, topic: str) -> list[str]:
    return [payload["event"] for on, event, payload in client.events if (on, event) == (topic, "broadcast")]


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "broadcast", "event": "chat", "payload": {"text": text, **more}}


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


async def test_a_chat_broadcast_is_stored_before_it_is_acknowledged(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client() as reader:
        await ana.join(view(room), **config(ack=True))
        await reader.join(plain(room))
        stored = await ana.push(view(room), "broadcast", **says("hello", nonce="n1"))
        heard = await reader.event("chat")
        page = await rig.messages.page(room.id)
    assert (heard["id"], heard["seq"], heard["text"], heard["nonce"]) == (stored["id"], stored["seq"], "hello", "n1")
    assert [str(message.id) for message in page.messages] == [stored["id"]]


async def test_a_repeated_nonce_is_stored_once(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(view(room), **config(ack=True))
        first = await ana.push(view(room), "broadcast", **says("hello", nonce="n1"))
        assert await ana.push(view(room), "broadcast", **says("hello", nonce="n1")) == first
        assert len((await rig.messages.page(room.id)).messages) == 1


@pytest.mark.parametrize("to_self", [False, True])
async def test_who_says_it_hears_it_only_when_they_asked_for_that(rig: Rig, room: Room, to_self: bool) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client(await rig.guest("Ben")) as ben:
        await ana.join(view(room), **config(ack=True, to_self=to_self))
        await ana.join(plain(room))
        await ben.join(view(room), **config(ack=True))
        await ana.push(view(room), "broadcast", **says("mine"))
        await ben.push(view(room), "broadcast", **says("his"))
        await broadcast(ana, "chat", where=lambda said: said["text"] == "his")
        await broadcast(ben, "chat", where=lambda said: said["text"] == "mine")
        await ana.event("chat", where=lambda said: said["text"] == "his")
        heard = [payload["payload"]["text"] for _, name, payload in ana.events if _is_chat(name, payload)]
        plainly = [payload["text"] for _, name, payload in ana.events if name == "chat"]
    assert heard == (["mine", "his"] if to_self else ["his"])
    assert plainly == ["mine", "his"]


def _is_chat(name: str, payload: dict[str, Any]) -> bool:
    return name == "broadcast" and payload["event"] == "chat"


async def test_a_broadcast_without_ack_is_not_answered_but_a_refusal_is(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client() as reader:
        await ana.join(view(room), **config())
        await reader.join(plain(room))
        frame = ["1", "quiet", view(room), "broadcast", says("hello")]
        await ana.send_raw(json.dumps(frame))
        await reader.event("chat")
        with pytest.raises(Refused) as refused:
            await ana.push(view(room), "broadcast", **says(""))
        assert "quiet" not in [payload.get("ref") for _, _, payload in ana.events]
        assert [name for _, name, _ in ana.events if name == "phx_reply"] == []
    assert refused.value.response["error"] == "invalid"
    assert refused.value.response["message"] == "Write something before you send it."


async def test_a_broadcast_of_kind_three_takes_the_same_way(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client() as reader:
        await ana.join(view(room), **config())
        await reader.join(plain(room))
        strings = [b"1", b"9", view(room).encode(), b"chat", b""]
        head = bytes((Kind.USER_BROADCAST_PUSH, *map(len, strings), 1))
        await ana.send_raw(head + b"".join(strings) + b'{"text":"hello"}')
        assert (await reader.event("chat"))["user"]["name"] == "Ana"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"type": "broadcast", "event": "cursor", "payload": {}}, "unknown_command"),
        ({"type": "broadcast", "event": "chat", "payload": {"text": 1}}, "invalid"),
        ({"type": "broadcast", "event": "chat", "payload": "hello"}, "invalid"),
        ({"type": "broadcast", "payload": {}}, "invalid"),
        ({"type": "broadcast", "event": "chat", "payload": {"text": "x" * 20_000}}, "too_large"),
    ],
)
async def test_what_a_view_does_not_take_is_refused_with_what_works(
    rig: Rig, room: Room, payload: dict[str, Any], code: str
) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(view(room), **config())
        with pytest.raises(Refused) as refused:
            await ana.push(view(room), "broadcast", **payload)
    assert refused.value.response["error"] == code, refused.value.response


async def test_a_token_without_a_person_only_reads(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        await reader.join(view(room), **config())
        with pytest.raises(Refused) as refused:
            await reader.push(view(room), "broadcast", **says("hello"))
    assert refused.value.response["error"] == "forbidden"


async def test_limits_are_those_of_chat(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana:
        await ana.join(view(room), **config(ack=True))
        with pytest.raises(Refused) as refused:
            await _says_too_much(ana, view(room))
    assert refused.value.response["error"] == "rate_limited"
    assert refused.value.response["retry_after_ms"] > 0


async def _says_too_much(client: SocketClient, topic: str) -> None:
    for number in range(100):
        await client.push(topic, "broadcast", **says(f"line {number}"))


async def test_who_is_muted_hears_why(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    await rig.rooms.run(room.id, rig.dj, commands.MemberMute(user_id=str(ana.id), for_ms=60_000), device=None)
    async with rig.client(ana) as client:
        await client.join(view(room), **config())
        with pytest.raises(Refused) as refused:
            await client.push(view(room), "broadcast", **says("hello"))
    assert refused.value.response["error"] == "muted"


async def test_what_was_said_is_replayed_oldest_first_and_not_told_again(rig: Rig, room: Room) -> None:
    async with rig.client(await rig.guest("Ana")) as ana, rig.client() as reader:
        await ana.join(plain(room))
        stored = [await ana.push(plain(room), "chat:send", text=f"{number}", nonce=f"n{number}") for number in range(4)]
        await reader.join(view(room), **config(replay={"since": 0, "limit": 3}))
        await ana.push(plain(room), "chat:send", text="live", nonce="n9")
        await broadcast(reader, "chat", where=lambda said: said["text"] == "live")
        chats = [payload for _, name, payload in reader.events if _is_chat(name, payload)]
    assert [said["payload"]["text"] for said in chats] == ["1", "2", "3", "live"]
    assert [said.get("meta") for said in chats] == [
        *({"replayed": True, "id": each["id"]} for each in stored[1:]),
        None,
    ]
    assert broadcasts(reader, view(room))[:7] == [
        *("room", "playback", "queue", "listeners"),
        *("chat", "chat", "chat"),
    ]


async def test_a_line_that_is_stored_but_not_told_yet_is_not_heard_twice(
    rig: Rig, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A join that falls between the two finds it in the history, and its event comes afterwards."""
    ana, append = await rig.guest("Ana"), rig.log.append
    async with rig.client() as reader, rig.client() as other:
        await other.join(view(room), **config())

        async def append_late(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.undo()
            rig.time.ms += 10_000  # what was looked up before is too old
            await reader.join(view(room), **config(replay={"since": 0}))
            return await append(*args, **kwargs)

        monkeypatch.setattr(rig.log, "append", append_late)
        await rig.rooms.run(room.id, ana, commands.ChatSend(text="once", nonce="n1"), device=None)
        await rig.rooms.run(room.id, ana, commands.ChatSend(text="after", nonce="n2"), device=None)
        await broadcast(reader, "chat", where=lambda said: said["text"] == "after")
        await broadcast(other, "chat", where=lambda said: said["text"] == "after")
        heard, told = (
            [payload["payload"]["text"] for _, name, payload in client.events if _is_chat(name, payload)]
            for client in (reader, other)
        )
    assert (heard, told) == (["once", "after"], ["once", "after"])


async def test_a_line_that_is_told_while_somebody_joins_is_not_heard_twice(
    rig: Rig, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The join stands before it in the log, and its look at the room comes after it."""
    ana, look = await rig.guest("Ana"), rig.gateway.snapshots._look
    async with rig.client() as reader, rig.client() as other:
        await other.join(view(room), **config())

        async def look_late(asked: RoomId) -> RoomView:
            monkeypatch.undo()
            await rig.rooms.run(room.id, ana, commands.ChatSend(text="once", nonce="n1"), device=None)
            return await look(asked)

        monkeypatch.setattr(rig.gateway.snapshots, "_look", look_late)
        rig.time.ms += 10_000  # what was looked up before is too old
        await reader.join(view(room), **config(replay={"since": 0}))
        await rig.rooms.run(room.id, ana, commands.ChatSend(text="after", nonce="n2"), device=None)
        await broadcast(reader, "chat", where=lambda said: said["text"] == "after")
        chats = [payload for _, name, payload in reader.events if _is_chat(name, payload)]
    assert [said["payload"]["text"] for said in chats] == ["once", "after"]
    assert chats[0]["meta"]["replayed"] is True


async def test_nonsense_for_a_replay_is_told(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        with pytest.raises(Refused) as refused:
            await reader.join(view(room), **config(replay={"since": "yesterday"}))
    assert refused.value.response["reason"] == "UnableToReplayMessages: Replay params are not valid"


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
