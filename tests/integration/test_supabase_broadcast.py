"""Broadcast through Supabase's and Phoenix's public clients, unchanged: each alone, and all of them in one room."""

import asyncio

import pytest

from public_clients import BINARY_KINDS, KINDS, Channel, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
async def test_a_broadcast_reaches_the_others_and_is_acknowledged(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    ana = await clients.make(kind, server.url, key)
    bob = await clients.make(kind, server.url, key)
    here, there = await ana.join(topic, ack=True), await bob.join(topic)
    assert await here.send("hi", {"text": "hello 🎧", "n": [1, None, 2.5]}) == "ok"
    heard = await there.broadcast("hi")
    assert heard["payload"] == {"text": "hello 🎧", "n": [1, None, 2.5]}
    assert await there.send("back") == "ok"
    assert (await here.broadcast("back"))["payload"] == {}
    assert not here.untaken("broadcast"), "its own came back"


@each_kind
async def test_a_client_hears_itself_when_it_asked_to(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    here = await (await clients.make(kind, server.url, key)).join(topic, to_self=True)
    await here.send("hi", {"a": 1})
    assert (await here.broadcast("hi"))["payload"] == {"a": 1}


async def test_all_kinds_in_one_room_hear_each_other(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    room: list[Channel] = [
        await (await clients.make(kind, server.url, key)).join(topic, ack=True) for kind in KINDS * 2
    ]
    for speaker in room:
        assert await speaker.send("said", {"by": speaker.name}) == "ok"
        for other in room:
            if other is not speaker:
                assert (await other.broadcast("said"))["payload"] == {"by": speaker.name}
    assert not [channel.name for channel in room if channel.untaken("broadcast")]


@pytest.mark.parametrize("kind", BINARY_KINDS)
async def test_bytes_reach_those_who_can_hear_them_and_harm_nobody_else(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    sent = bytes(range(256))
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True, to_self=True)
    room = {other: await (await clients.make(other, server.url, key)).join(topic) for other in KINDS}
    assert await speaker.send("bytes", sent) == "ok"
    assert await speaker.send("text", {"after": True}) == "ok"
    for other, channel in room.items():
        assert (await channel.broadcast("text"))["payload"] == {"after": True}
        heard = [event["payload"] for event in channel.untaken("broadcast")]
        assert heard == ([sent] if other in BINARY_KINDS else [])
    assert (await speaker.broadcast("bytes"))["payload"] == sent


@each_kind
async def test_a_burst_arrives_whole_and_in_order_at_all_kinds(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make(kind, server.url, key)).join(topic)
    room = [await (await clients.make(other, server.url, key)).join(topic) for other in KINDS]
    await asyncio.gather(*(speaker.send("burst", {"n": n}) for n in range(50)))
    for channel in room:
        assert [(await channel.broadcast("burst"))["payload"]["n"] for _ in range(50)] == list(range(50))


@each_kind
async def test_names_and_payloads_of_any_sort_come_through(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    topic += ":a/b ñ?&#% 🎧"
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True)
    room = {other: await (await clients.make(other, server.url, key)).join(topic) for other in KINDS}
    event, large = "new:message/ñ 🎧", {"text": "🎧\u2028\x00" * 2_000, "deep": [[[[{}]]]], "number": 1e-7}
    assert await speaker.send(event, large) == "ok"
    for odd in ([1, "two", None], "only text", 7, True):
        assert await speaker.send("odd", odd) == "ok"
    assert await speaker.send("last", {}) == "ok"
    for other, channel in room.items():
        assert (await channel.broadcast(event))["payload"] == large
        await channel.broadcast("last")
        odd_ones = [found["payload"] for found in channel.untaken("broadcast")]
        assert odd_ones == ([] if other == "realtime-py" else [[1, "two", None], "only text", 7, True])


@pytest.mark.parametrize("kind", ["realtime-js", "realtime-js v1", "realtime-py"])
async def test_large_payloads_come_through_and_too_large_ones_are_refused(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    """`realtime-py` itself hears nothing above 1 MiB: it closes, and comes back."""
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True)
    room = [await (await clients.make(other, server.url, key)).join(topic) for other in KINDS]
    large = {"text": "x" * 1_000_000}
    assert await speaker.send("large", large) == "ok"
    assert await speaker.send("too large", {"text": "x" * 3_200_000}) == "error"
    assert await speaker.send("small") == "ok"
    for channel in room:
        assert (await channel.broadcast("large"))["payload"] == large
        await channel.broadcast("small")
        assert not channel.untaken("broadcast") + channel.untaken("status")
