"""How public clients come in, lose their line, and come back, unchanged: leaving, cuts, silence, restarts, refusals."""

import asyncio
import os
import signal

import pytest

from public_clients import DEADLINE_S, KINDS, Channel, PublicClients
from relay import Relay
from servers import ServerProcess
from several import descendants

pytestmark = pytest.mark.slow

each_kind = pytest.mark.parametrize("kind", KINDS)
JS_KINDS = [kind for kind in KINDS if kind != "realtime-py"]
PHOENIX_KINDS = [kind for kind in KINDS if kind.startswith("phoenix")]
SUPABASE_KINDS = [kind for kind in KINDS if kind not in PHOENIX_KINDS]
SOON = {"reconnect_ms": 100}
"""Clients that wait less than by default before they connect again."""


@each_kind
async def test_who_left_hears_nothing_until_it_subscribes_again(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    """That a broadcast has gone past another process is known by one after it, on a topic that was not left."""
    bob, ana = await clients.make("phoenix", server.url, key), await clients.make(kind, server.url, key)
    there, here = await bob.join(topic, ack=True), await ana.join(topic)
    there_too, here_too = await bob.join(f"{topic} too", ack=True), await ana.join(f"{topic} too")
    assert await here.unsubscribe() == "ok"
    await here.status("CLOSED")
    assert await there.send("missed") == "ok"
    assert await there_too.send("gone past") == "ok"
    await here_too.broadcast("gone past")
    again = await ana.join(topic)
    assert await there.send("heard", {"n": 2}) == "ok"
    assert (await again.broadcast("heard"))["payload"] == {"n": 2}
    assert not here.untaken("broadcast") + again.untaken("broadcast")


async def test_of_two_channels_of_one_socket_on_a_topic_the_newer_one_stays(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    """`phoenix` in version 2: in version 1 it cannot tell two joins apart, and Supabase's have one channel a topic."""
    there = await (await clients.make("supabase-js", server.url, key)).join(topic, ack=True)
    ana = await clients.make("phoenix", server.url, key)
    older, newer = await ana.join(topic), await ana.join(topic)
    await older.status("CLOSED")
    assert await there.send("hi") == "ok"
    await newer.broadcast("hi")
    assert not newer.untaken("status") + newer.untaken("broadcast"), "closed, or delivered twice"


@each_kind
async def test_a_line_that_is_cut_is_joined_again_and_heard_again(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    there = await (await clients.make("realtime-js", server.url, key)).join(topic, ack=True)
    async with Relay(server.port) as relay:
        here = await (await clients.make(kind, relay.url, key, **SOON)).join(topic, ack=True)
        relay.cut()
        await here.status("CHANNEL_ERROR")
        await here.status("SUBSCRIBED")
        assert await there.send("hi") == "ok"
        await here.broadcast("hi")
        assert await here.send("back") == "ok"
        await there.broadcast("back")
        assert not here.untaken("broadcast") + there.untaken("broadcast"), "something came twice"


@pytest.mark.parametrize("kind", JS_KINDS)
async def test_a_client_whose_heartbeats_are_lost_connects_again(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    """Not `realtime-py`: it sends a heartbeat every 15 s at the least, and waits for no answer."""
    there = await (await clients.make("realtime-js", server.url, key)).join(topic, ack=True)
    async with Relay(server.port) as relay:
        ana = await clients.make(kind, relay.url, key, heartbeat_ms=300, **SOON)
        here = await ana.join(topic)
        async with relay.held():
            await here.status("CHANNEL_ERROR")
        await here.status("SUBSCRIBED")
        assert await there.send("hi") == "ok"
        await here.broadcast("hi")
    if kind not in PHOENIX_KINDS:
        statuses = {event["status"] for event in ana.untaken("heartbeat")}
        assert {"sent", "timeout"} <= statuses


async def test_heartbeats_are_answered_before_and_after_a_join(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    ana = await clients.make("realtime-js", server.url, key, heartbeat_ms=100)
    here = await ana.join(topic)
    for _ in range(5):
        await ana.take("heartbeat", lambda event: event["status"] == "ok")
    assert not here.untaken("status")


@pytest.mark.parametrize("kind", PHOENIX_KINDS)
async def test_an_unknown_kind_of_topic_is_refused(
    server: ServerProcess, clients: PublicClients, key: str, kind: str
) -> None:
    ana = await clients.make(kind, server.url, key)
    refused = await ana.begin_to_join("", whole="nonsense")
    assert (await refused.status("CHANNEL_ERROR"))["error"] == "unmatched topic"
    assert await ana.state() == "open"


@each_kind
async def test_a_topic_without_a_name_is_refused_in_the_words_of_the_original(
    server: ServerProcess, clients: PublicClients, key: str, kind: str
) -> None:
    refused = await (await clients.make(kind, server.url, key)).begin_to_join("")
    said = (await refused.status("CHANNEL_ERROR"))["error"]
    reason = "TopicNameRequired: You must provide a topic name"
    assert said == (f'{{"reason": "{reason}"}}' if kind == "realtime-py" else reason)


@each_kind
async def test_a_bad_key_is_refused_at_the_door(
    server: ServerProcess, clients: PublicClients, topic: str, kind: str
) -> None:
    """The socket is refused with 401; browsers' and Node's own sockets do not tell more than that it failed."""
    ana = await clients.make(kind, server.url, "nonsense", tries=1, **SOON)
    here = await ana.begin_to_join(topic)
    if kind in PHOENIX_KINDS:
        await ana.take("socket", lambda event: event["state"] == "error")
    elif kind == "realtime-py":
        assert "HTTP 401" in (await here.status("RAISED"))["error"]
    else:
        assert (await here.status("CHANNEL_ERROR"))["error"] == "channel error: transport failure"


@pytest.mark.parametrize("kind", SUPABASE_KINDS)
async def test_who_asks_for_database_changes_is_told_that_there_are_none_and_hears_broadcasts(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    changes = [{"event": "INSERT", "schema": "public", "table": "rooms"}, {"event": "*", "schema": "public"}]
    here = await (await clients.make(kind, server.url, key)).join(topic, changes=changes, ack=True, to_self=True)
    if kind == "realtime-py":  # takes it for the channel's failure: says so, and joins again
        assert "no database" in (await here.status("CHANNEL_ERROR"))["error"]
        await here.status("SUBSCRIBED")
        assert not [event for event in here.untaken("status") if event["status"] == "CLOSED"]
    else:
        told = await here.system()
        assert (told["extension"], told["status"], told["channel"]) == ("postgres_changes", "error", topic)
        assert "broadcast" in told["message"]
    assert await here.send("hi") == "ok"
    await here.broadcast("hi")


async def test_a_process_dies_or_is_restarted_and_all_come_back_and_hear_each_other(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    """Several processes: one that holds sockets is killed. One process: it is stopped, and started again."""
    room = [await (await clients.make(kind, server.url, key, tries=20, **SOON)).join(topic) for kind in KINDS * 2]
    gateways = [pid for name, pid in descendants(server.pid).items() if name.startswith("gateway")]
    if gateways:
        os.kill(gateways[0], signal.SIGKILL)
    else:
        server.stop()
        server.start()
    await asyncio.gather(*(_heard_by_all(speaker, room) for speaker in room))
    lost = [channel for channel in room if channel.untaken("status")]
    assert lost, "nobody was on the process that died"
    assert gateways or len(lost) == len(room)


async def _heard_by_all(speaker: Channel, room: list[Channel]) -> None:
    """Speak until everybody has heard it: who is not back yet misses what is said, as on any broadcast."""
    waiting = {other.name: asyncio.create_task(other.broadcast(speaker.name)) for other in room if other is not speaker}
    async with asyncio.timeout(DEADLINE_S):
        while any(not task.done() for task in waiting.values()):
            await speaker.send(speaker.name)
            await asyncio.wait(waiting.values(), timeout=0.2, return_when=asyncio.ALL_COMPLETED)
    await asyncio.gather(*waiting.values())
