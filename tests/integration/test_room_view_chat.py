"""Chat of a room through Supabase's clients, over a real socket: `chat` broadcasts both ways, and what is replayed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients import Refused, SocketClient
from gateway_rig import Rig, opened
from room_view_steps import broadcast, broadcasts, config, is_chat, plain, says, view
from whatssound.ids import RoomId
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
        heard = [payload["payload"]["text"] for _, name, payload in ana.events if is_chat(name, payload)]
        plainly = [payload["text"] for _, name, payload in ana.events if name == "chat"]
    assert heard == (["mine", "his"] if to_self else ["his"])
    assert plainly == ["mine", "his"]


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
        chats = [payload for _, name, payload in reader.events if is_chat(name, payload)]
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
            [payload["payload"]["text"] for _, name, payload in client.events if is_chat(name, payload)]
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
        chats = [payload for _, name, payload in reader.events if is_chat(name, payload)]
    assert [said["payload"]["text"] for said in chats] == ["once", "after"]
    assert chats[0]["meta"]["replayed"] is True


async def test_nonsense_for_a_replay_is_told(rig: Rig, room: Room) -> None:
    async with rig.client() as reader:
        with pytest.raises(Refused) as refused:
            await reader.join(view(room), **config(replay={"since": "yesterday"}))
    assert refused.value.response["reason"] == "UnableToReplayMessages: Replay params are not valid"
