"""A gateway without a database behaves as the one beside the owner does."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from clients import Refused, SocketClient
from gateway_rig import HOMES_KEY, TOKEN_KEY, opened
from gateway_server import connected
from remote_rig import Pair, Wire, one_process, paired, two_connections
from room_house import FlakyLog
from whatssound.accounts.known import Known
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import User
from whatssound.adapters.memory import MemoryBus
from whatssound.remote.owner import Owner
from whatssound.remote.questions import NEWS_TOPIC, ViewOf, decode_question
from whatssound.remote.services import RemoteServices
from whatssound.rooms.room import Room
from whatssound.wire.errors import Refusal

PLACES = ["near", "far"]


@pytest.fixture(params=["memory", "nats"])
async def pair(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """In one process, and as it is between two: each with its own connection to a real nats-server."""
    on_nats = request.param == "nats"
    wires = two_connections(request.getfixturevalue("nats_server")) if on_nats else one_process()
    async with wires as (near, far), paired(tmp_path, near, far) as pair:
        yield pair


@pytest.fixture
async def room(pair: Pair) -> Room:
    return await pair.rig.room()


@pytest.fixture(params=PLACES)
def where(request: pytest.FixtureRequest) -> str:
    return request.param


def other(where: str) -> str:
    return "far" if where == "near" else "near"


def topic(room: Room) -> str:
    return f"room:{room.id}"


async def test_what_is_said_and_played_on_one_gateway_is_heard_on_the_other(pair: Pair, room: Room, where: str) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client(where, pair.rig.dj) as dj, pair.client(other(where), ana) as client:
        joined = await dj.join(topic(room), device="desk")
        assert joined["me"]["role"] == "dj"
        await client.join(topic(room))
        said = await client.push(topic(room), "chat:send", text="hello", nonce="n")
        assert (await dj.event("chat"))["id"] == said["id"]
        added = await dj.push(topic(room), "queue:add", track_id="7", nonce="q")
        assert [entry["id"] for entry in (await client.event("queue"))["entries"]] == [added["entry_id"]]
        await dj.push(topic(room), "playback:play", entry_id=added["entry_id"])
        assert (await client.event("playback"))["playing"]
        for command, then in (("playback:pause", False), ("playback:play", True)):
            await dj.push(topic(room), command)
            assert (await client.push(topic(room), "playback:get"))["playing"] is then
        await dj.push(topic(room), "chat:delete", id=said["id"])
        assert (await client.event("chat_deleted"))["id"] == said["id"]


async def test_both_show_whoever_joins_the_same_room(pair: Pair, room: Room) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client("near", pair.rig.dj) as dj:
        await dj.join(topic(room))
        await dj.push(topic(room), "queue:add_many", track_ids=["1", "2"], nonce="q")
        await dj.push(topic(room), "chat:send", text="welcome", nonce="n")
    replies = []
    for place in PLACES:
        async with pair.client(place, ana) as client:
            replies.append(await client.join(topic(room)))
    assert {**replies[0], "listeners": 1} == {**replies[1], "listeners": 1}


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("playback:pause", {}, "forbidden"),
        ("chat:send", {"text": " ", "nonce": "n"}, "invalid"),
        ("chat:edit", {"id": "1", "text": "x"}, "not_found"),
        ("chat:send", {"text": "x" * 2_001, "nonce": "n"}, "too_large"),
        ("member:kick", {"user_id": "1"}, "forbidden"),
        ("nonsense", {}, "unknown_command"),
    ],
)
async def test_both_refuse_in_the_same_words(
    pair: Pair, room: Room, event: str, payload: dict[str, str], code: str
) -> None:
    ana = await pair.rig.guest("Ana")
    refusals = []
    for place in PLACES:
        async with pair.client(place, ana) as client:
            await client.join(topic(room))
            with pytest.raises(Refused) as refused:
                await client.push(topic(room), event, **payload)
            refusals.append(refused.value.response)
    assert refusals[0] == refusals[1]
    assert refusals[0]["code"] == code


async def test_neither_knows_a_room_that_is_not_there(pair: Pair, where: str) -> None:
    async with pair.client(where, pair.rig.dj) as client:
        with pytest.raises(Refused, match="not_found"):
            await client.join("room:123")


async def test_a_refusal_keeps_its_time_and_its_details(pair: Pair, room: Room, where: str) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client(other(where), pair.rig.dj) as dj, pair.client(where, ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:mute", user_id=str(ana.id), for_ms=60_000)
        with pytest.raises(Refused) as refused:
            await client.push(topic(room), "chat:send", text="hello", nonce="n")
    response = refused.value.response
    assert (response["code"], response["retry_after_ms"]) == ("muted", 60_001)
    assert response["details"] == {"muted_until_ms": int(pair.rig.time.ms) + 60_000}


async def test_who_is_kicked_or_banned_on_one_gateway_is_gone_from_the_other(
    pair: Pair, room: Room, where: str
) -> None:
    troll = await pair.rig.guest("Troll")
    async with pair.client(other(where), pair.rig.dj) as dj, pair.client(where, troll) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:kick", user_id=str(troll.id))
        assert (await client.event("phx_close"))["code"] == "kicked"
        await client.join(topic(room))
        await dj.push(topic(room), "member:ban", user_id=str(troll.id))
        assert (await client.event("phx_close", where=lambda closed: closed["code"] == "banned"))["message"]
        with pytest.raises(Refused, match="banned"):
            await client.join(topic(room))


async def test_who_is_muted_on_one_gateway_does_not_cheer_on_the_other(pair: Pair, room: Room, where: str) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client(other(where), pair.rig.dj) as dj, pair.client(where, ana) as client:
        await dj.join(topic(room))
        await client.join(topic(room))
        await dj.push(topic(room), "member:mute", user_id=str(ana.id), for_ms=60_000)
        await client.event("member")
        async with asyncio.timeout(20):
            while await _cheered(client, room) != "muted":
                pass


async def test_a_guest_from_a_banned_home_is_kept_out_by_both(pair: Pair, room: Room, where: str) -> None:
    troll = await pair.rig.guest("Troll")
    home = "2001:db8:0:7::1"
    assert await _joined(pair, where, room, troll, home) == "ok"
    pair.services.tell_visits()
    await pair.services.playback(room.id)  # what was told before the question is heard before it
    async with pair.client("near", pair.rig.dj) as dj:
        await dj.join(topic(room))
        await dj.push(topic(room), "member:ban", user_id=str(troll.id))
    pair.rig.time.ms += 1_000
    again = await pair.rig.guest("Somebody Else")
    for place in PLACES:
        assert await _joined(pair, place, room, again, home) == "banned"
        assert await _joined(pair, place, room, again, "2001:db8:0:8::1") == "ok"


async def test_a_new_name_is_used_at_once_on_both(pair: Pair, room: Room, where: str) -> None:
    ben = await pair.rig.guest("Ben")
    async with pair.client(where, ben) as client:
        await client.join(topic(room))
        await pair.rig.accounts.rename(ben, "Benedikt")
        await client.push(topic(room), "chat:send", text="call me by my full name", nonce="n")
        assert (await client.event("chat"))["user"]["name"] == "Benedikt"
        assert (await client.join(topic(room)))["me"]["user"]["name"] == "Benedikt"


async def test_a_recalled_token_counts_on_neither(pair: Pair, room: Room, where: str) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client(where, ana) as client, pair.client(where, ana) as late:
        await client.join(topic(room))
        pair.rig.accounts.recall(ana.id)
        with pytest.raises(Refused, match="unauthorized"):
            await client.push(topic(room), "chat:send", text="still here", nonce="n")
        with pytest.raises(Refused, match="unauthorized"):
            await late.join(topic(room))
        with pytest.raises(InvalidStatus):
            await pair_again(pair, where, client)
        await client.lost()
        assert client.closed_with == (1008, "signed out")


async def test_a_command_whose_answer_was_lost_is_done_once_when_it_is_repeated_elsewhere(
    pair: Pair, room: Room
) -> None:
    async with pair.client("far", pair.rig.dj) as far, pair.client("near", pair.rig.dj) as near:
        await far.join(topic(room), device="desk")
        await near.join(topic(room), device="desk")
        for event, payload in (
            ("queue:add", {"track_id": "7", "nonce": "q"}),
            ("chat:send", {"text": "hello", "nonce": "n"}),
            ("playback:play", {}),
        ):
            pair.far_bus.lost_answers = 1
            with pytest.raises(Refused) as refused:
                await far.push(topic(room), event, **payload)
            assert (refused.value.code, refused.value.response["retry_after_ms"]) == ("unavailable", 1_000)
            await near.push(topic(room), event, **payload)
        shown = await near.join(topic(room))
        assert len(shown["queue"]["entries"]) + (shown["playback"]["entry_id"] is not None) == 1
        assert [message["text"] for message in shown["messages"]] == ["hello"]


async def test_a_lost_word_of_a_ban_a_name_and_a_recall_is_made_up_for(pair: Pair, room: Room) -> None:
    ana, ben, troll = [await pair.rig.guest(name) for name in ("Ana", "Ben", "Troll")]
    async with pair.client("far", ana) as one, pair.client("far", ben) as two, pair.client("far", troll) as three:
        for client in (one, two, three):
            await client.join(topic(room))
        pair.bus.deaf_to = {NEWS_TOPIC}
        pair.rig.accounts.recall(ana.id)
        await pair.rig.accounts.rename(ben, "Benedikt")
        async with pair.client("near", pair.rig.dj) as dj:
            await dj.join(topic(room))
            await dj.push(topic(room), "member:kick", user_id=str(troll.id))
        pair.bus.deaf_to = set()
        assert (await three.event("phx_close"))["code"] == "kicked"
        await one.lost()
        await two.push(topic(room), "chat:send", text="call me by my full name", nonce="n")
        assert (await two.event("chat"))["user"]["name"] == "Benedikt"


async def test_after_the_owner_began_anew_everybody_is_looked_up_again(pair: Pair, room: Room) -> None:
    troll = await pair.rig.guest("Troll")
    async with pair.client("far", troll) as client:
        await client.join(topic(room))
        await pair.owner.__aexit__()
        async with pair.client("near", pair.rig.dj) as dj:
            await dj.join(topic(room))
            pair.bus.deaf_to = {NEWS_TOPIC}
            await dj.push(topic(room), "member:ban", user_id=str(troll.id))
        with pytest.raises(Refused, match="unavailable"):
            await client.push(topic(room), "chat:send", text="hello", nonce="n")
        pair.bus.deaf_to = set()
        async with Owner(pair.bus, pair.rig.accounts, pair.rig.rooms, pair.rig.kept, epoch="second"):
            assert (await client.event("phx_close"))["code"] == "banned"


async def test_what_an_owner_saved_and_could_not_tell_is_told_by_the_next_to_who_listened_all_along(
    tmp_path: Path,
) -> None:
    log = FlakyLog("first")
    wire = Wire(MemoryBus(), log)
    async with paired(tmp_path, wire, wire) as pair:
        room, ana = await pair.rig.room(), await pair.rig.guest("Ana")
        async with pair.client("far", ana) as client, pair.client("near", pair.rig.dj) as dj:
            await client.join(topic(room))
            await dj.join(topic(room), device="desk")
            await dj.push(topic(room), "queue:add", track_id="7", nonce="q")
            await dj.push(topic(room), "playback:play")
            log.refusing = True
            with pytest.raises(Refused, match="unavailable"):
                await dj.push(topic(room), "playback:pause")
            await pair.owner.__aexit__()
            await pair.rig.rooms.stop()
            log.refusing = False
            async with (
                opened(tmp_path, log=log) as again,
                Owner(pair.bus, again.accounts, again.rooms, again.kept, epoch="second"),
            ):
                assert await client.event("playback", where=lambda part: not part["playing"] and part["entry_id"])


async def test_nobody_is_believed_before_the_owner_was_heard(pair: Pair) -> None:
    bus, tokens = MemoryBus(), AccessTokens(TOKEN_KEY, now_ms=pair.rig.time.now_ms)
    token = tokens.issue(pair.rig.dj, "owner")
    async with RemoteServices(bus, Known(tokens, now_ms=pair.rig.time.now_ms), homes_key=HOMES_KEY) as services:
        with pytest.raises(Refusal, match="unavailable"):
            services.verify(token)
        async with Owner(bus, pair.rig.accounts, pair.rig.rooms, pair.rig.kept, epoch="late"):
            await services.ready()
            assert services.verify(token).user_id == pair.rig.dj.id


async def test_a_room_is_read_once_at_most_for_a_join_and_no_person_is(pair: Pair, room: Room) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client("far", pair.rig.dj) as first, pair.client("far", ana) as client:
        await first.join(topic(room))
        pair.far_bus.asked.clear()
        await client.join(topic(room))
        assert [decode_question(asked) for asked in pair.far_bus.asked] in ([], [ViewOf(room.id)])


async def pair_again(pair: Pair, where: str, client: SocketClient) -> None:
    port = pair.rig.port if where == "near" else pair.remote_port
    async with connected(port, query=f"vsn=2.0.0&apikey={client.token}"):
        raise AssertionError("a recalled token opened a socket")


async def _joined(pair: Pair, where: str, room: Room, who: User, home: str) -> str:
    token, port = pair.rig.accounts.token_for(who), pair.rig.port if where == "near" else pair.remote_port
    async with connected(port, additional_headers={"X-Forwarded-For": f"6.6.6.6, {home}"}) as client:
        await client.send(json.dumps(["1", "1", topic(room), "phx_join", {"access_token": token}]))
        while (frame := json.loads(await client.recv()))[3] != "phx_reply":
            pass
        return frame[4]["response"].get("code", "ok")


async def _cheered(client: SocketClient, room: Room) -> str:
    try:
        await client.push(topic(room), "reaction", emoji="🔥")
    except Refused as refused:
        return refused.code
    return "ok"
