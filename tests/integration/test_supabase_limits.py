"""Limits of one socket as public clients meet them: they are told, they go on, and nobody else suffers."""

import asyncio
from collections.abc import Iterator

import pytest

from public_clients import DEADLINE_S, KINDS, ClientProblem, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

LIMITS = {
    "realtime-payload-bytes": 1_000,
    "realtime-frame-bytes": 100_000,
    "realtime-socket-events-per-second": 20,
    "realtime-socket-events-burst": 20,
    "socket-channels": 1,
    "presence-bytes": 200,
    "presence-calls-per-30s": 3,
}
SENDING = ("realtime-js", "supabase-js", "realtime-py")
"""Those that have a call for HTTP."""

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module", params=["1", "2"], ids=["alone", "2 workers"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that allows little."""
    limits = [text for name, value in LIMITS.items() for text in (f"--{name}", str(value))]
    with ServerProcess(tmp_path_factory.mktemp("server") / "data", "--workers", request.param, *limits) as running:
        yield running


@each_kind
async def test_too_large_a_payload_is_told_to_who_asks_and_harms_nobody(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    listener = await (await clients.make("realtime-js", server.url, key)).join(topic)
    asking = await (await clients.make(kind, server.url, key)).join(topic, ack=True)
    assert await asking.send("long", {"text": "x" * 1_000}) == "error"
    silent = await (await clients.make(kind, server.url, key)).join(topic)
    assert await silent.send("long", {"text": "x" * 1_000}) == "ok"
    for speaker in (asking, silent):
        assert await speaker.send("short", {"by": speaker.name}) == "ok"
        assert (await listener.broadcast("short"))["payload"] == {"by": speaker.name}
        assert not speaker.untaken("status")
    assert not listener.untaken("broadcast")


@pytest.mark.parametrize("kind", SENDING)
async def test_too_large_a_payload_over_http_is_refused(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    here = await (await clients.make(kind, server.url, key)).join(topic, to_self=True)
    with pytest.raises(ClientProblem, match="Unprocessable"):
        await here.http_send("long", {"text": "x" * 1_000})
    assert (await here.http_send("short", {}))["success"] is True
    await here.broadcast("short")
    assert not here.untaken("broadcast")


@each_kind
async def test_too_large_a_frame_costs_the_socket_and_its_client_comes_back_by_itself(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    bystander = await (await clients.make("realtime-js", server.url, key)).join(topic)
    here = await (await clients.make(kind, server.url, key, reconnect_ms=100)).join(topic)
    assert await here.send("huge", {"text": "x" * 200_000}) == "ok"
    await here.status("CHANNEL_ERROR")
    await here.status("SUBSCRIBED")
    assert await here.send("short") == "ok"
    await bystander.broadcast("short")
    assert not bystander.untaken("broadcast") + bystander.untaken("status")


@each_kind
async def test_who_sends_too_much_is_refused_and_goes_on_later(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True)
    other = await (await clients.make(kind, server.url, key)).join(topic, ack=True)
    told = await asyncio.gather(*(speaker.send("many", {"n": n}) for n in range(60)))
    assert set(told) == {"ok", "error"}
    assert await other.send("few") == "ok", "one socket paid for another"
    async with asyncio.timeout(DEADLINE_S):
        while await speaker.send("again") != "ok":
            pass
    heard = [await other.broadcast("many") for _ in range(told.count("ok"))]
    assert [event["payload"]["n"] for event in heard] == [n for n, answer in enumerate(told) if answer == "ok"]
    await other.broadcast("again")
    assert not other.untaken("broadcast") + speaker.untaken("status")


@each_kind
async def test_one_channel_too_many_says_so_in_the_words_that_clients_know(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    client = await clients.make(kind, server.url, key)
    first = await client.join(topic, ack=True)
    second = await client.begin_to_join(f"{topic} too")
    assert "ChannelRateLimitReached: Too many channels" in (await second.status("CHANNEL_ERROR"))["error"]
    assert await first.send("still here") == "ok"
    other = await (await clients.make(kind, server.url, key)).join(f"{topic} too", ack=True)
    assert await other.send("another socket") == "ok"


@each_kind
async def test_too_much_presence_ends_the_channel_and_is_seen_by_others_as_a_leave(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    witness = await (await clients.make("realtime-js", server.url, key)).join(topic, presence=True)
    for calls, last, text in (
        (3, {}, "Client presence rate limit exceeded"),
        (1, {"text": "x" * 200}, "Track message size exceeded"),
    ):
        here = await (await clients.make(kind, server.url, key)).join(topic, key=text)
        for n in range(calls):
            await here.track({"n": n})
        await witness.members(lambda state, text=text: text in state)
        await here.track(last)
        assert await here.ended() == text
        await witness.members(lambda state, text=text: text not in state)
    assert not witness.untaken("status")
