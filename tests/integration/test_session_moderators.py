"""Moderators over real sockets: made, at work, and unmade."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clients import Refused
from gateway_rig import Rig, opened
from gateway_server import connected
from whatssound.accounts.user import User
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


async def test_who_is_made_a_moderator_learns_it_at_once_and_appears_as_one(rig: Rig, room: Room) -> None:
    ana = await rig.guest("Ana")
    async with rig.client(rig.dj) as dj, rig.client(ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:role", user_id=str(ana.id), role="moderator")
        told = await client.event("member")
        assert (told["user"], told["role"]) == ({"id": str(ana.id), "name": "Ana", "role": "moderator"}, "moderator")
        await client.push(topic(room), "chat:send", text="order, please", nonce="n")
        assert (await dj.event("chat"))["user"]["role"] == "moderator"
        await client.push(topic(room), "typing")
        assert (await dj.event("typing"))["user"]["role"] == "moderator"
        again = await client.join(topic(room))
        assert again["me"]["role"] == again["me"]["user"]["role"] == again["messages"][0]["user"]["role"] == "moderator"


async def test_a_moderator_keeps_order_among_listeners(rig: Rig, room: Room) -> None:
    ana, troll = await rig.guest("Ana"), await rig.guest("Troll")
    async with rig.client(rig.dj) as dj, rig.client(ana) as moderator, rig.client(troll) as client:
        await dj.join(topic(room))
        await moderator.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:role", user_id=str(ana.id), role="moderator")
        said = await client.push(topic(room), "chat:send", text="rude", nonce="n")
        await moderator.push(topic(room), "chat:delete", id=said["id"])
        assert (await client.event("chat_deleted"))["id"] == said["id"]
        await moderator.push(topic(room), "member:mute", user_id=str(troll.id), for_ms=60_000)
        with pytest.raises(Refused, match="muted"):
            await client.push(topic(room), "chat:send", text="again", nonce="m")
        await moderator.push(topic(room), "member:kick", user_id=str(troll.id))
        assert (await client.event("phx_close"))["code"] == "kicked"
        await client.join(topic(room))
        await moderator.push(topic(room), "member:ban", user_id=str(troll.id))
        assert (await client.event("phx_close", where=lambda closed: closed["code"] == "banned"))["message"]


async def test_a_moderator_has_no_say_in_the_music_nor_over_the_dj(rig: Rig, room: Room) -> None:
    ana, ben = await rig.guest("Ana"), await rig.guest("Ben")
    async with rig.client(rig.dj) as dj, rig.client(ana) as moderator:
        await dj.join(topic(room))
        await moderator.join(topic(room), device="desk")
        for person in (ana, ben):
            await dj.push(topic(room), "member:role", user_id=str(person.id), role="moderator")
        said = await dj.push(topic(room), "chat:send", text="welcome", nonce="n")
        for event, payload, code in (
            ("playback:pause", {}, "forbidden"),
            ("queue:add", {"track_id": "1", "nonce": "q"}, "forbidden"),
            ("queue:add_many", {"track_ids": ["1"], "nonce": "q"}, "forbidden"),
            ("member:role", {"user_id": str(ben.id), "role": "listener"}, "forbidden"),
            ("member:mute", {"user_id": str(rig.dj.id), "for_ms": 1}, "invalid"),
            ("member:ban", {"user_id": str(ben.id)}, "forbidden"),
            ("chat:delete", {"id": said["id"]}, "forbidden"),
            ("member:role", {"user_id": str(ben.id), "role": "dj"}, "invalid"),
        ):
            with pytest.raises(Refused) as refused:
                await moderator.push(topic(room), event, **payload)
            assert refused.value.code == code, event


async def test_who_is_no_moderator_any_more_can_do_nothing_more_at_once(rig: Rig, room: Room) -> None:
    ana, ben = await rig.guest("Ana"), await rig.guest("Ben")
    async with rig.client(rig.dj) as dj, rig.client(ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        for role in ("moderator", "listener"):
            await dj.push(topic(room), "member:role", user_id=str(ana.id), role=role)
        assert (await client.event("member", where=lambda told: told["role"] == "listener"))["rev"] > 0
        with pytest.raises(Refused, match="forbidden"):
            await client.push(topic(room), "member:mute", user_id=str(ben.id), for_ms=1)


async def test_a_banned_person_does_not_come_back_as_a_new_guest_from_the_same_home(tmp_path: Path) -> None:
    async with opened(tmp_path, proxies=["127.0.0.1"]) as rig:
        room, ana, troll = await rig.room(), await rig.guest("Ana"), await rig.guest("Troll")
        rig.time.ms += 1_000

        async def joined(who: User, home: str) -> str:
            token = rig.accounts.token_for(who)
            async with connected(rig.port, additional_headers={"X-Forwarded-For": f"6.6.6.6, {home}"}) as client:
                await client.send(json.dumps(["1", "1", topic(room), "phx_join", {"access_token": token}]))
                while (frame := json.loads(await client.recv()))[3] != "phx_reply":
                    pass
                return frame[4]["response"].get("code", "ok")

        assert await joined(troll, "2001:db8:0:7::1") == "ok"
        async with rig.client(rig.dj) as dj:
            await dj.join(topic(room))
            await dj.push(topic(room), "member:ban", user_id=str(troll.id))
        rig.time.ms += 1_000
        again = await rig.guest("Somebody Else")
        assert await joined(again, "2001:db8:0:7::99") == "banned"
        assert await joined(ana, "2001:db8:0:7::99") == "ok"
        assert await joined(again, "2001:db8:0:8::1") == "ok"
