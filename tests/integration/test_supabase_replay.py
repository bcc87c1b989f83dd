"""Keeping broadcasts and having them replayed through public clients, unchanged: what the API of each can say.

- `realtime-js` and `supabase-js` have `replay` in a channel's config, and `persist` in `send()` and `httpSend()`. In
  version 1 their `send()` refuses `persist` by itself; `replay` and `httpSend()` work all the same.
- `realtime-py` has `replay` in a channel's config. Neither `send_broadcast()` nor `http_send()` can say `persist`; its
  `push()` sends any payload and can. The id under which something is kept it does not tell who sent it.
- `phoenix` knows nothing of either: both are in what a program writes itself, into the join's and the push's payload.
"""

from typing import Any

import pytest

from public_clients import BINARY_KINDS, KINDS, Channel, ClientProblem, PublicClients
from relay import Relay
from servers import ServerProcess

pytestmark = pytest.mark.slow

each_kind = pytest.mark.parametrize("kind", KINDS)

V1_REFUSES = "realtime-js v1"
"""Its `send()` keeps nothing."""
KEEPING = [kind for kind in KINDS if kind != V1_REFUSES]
JS_KINDS = [kind for kind in KINDS if "-js" in kind]
REASONING = ("phoenix", "phoenix v1", "realtime-py")
"""Those that tell a program the whole answer to a push."""
ALL = {"since": 0, "limit": 25}


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    """Of somebody who may be on private topics."""
    return server.guest("Ana")["access_token"]


async def keep(channel: Channel, number: int, persist: Any = True) -> str:
    return await channel.send("said", {"n": number}, persist=persist)


async def numbers(channel: Channel, count: int) -> list[int]:
    """The payloads of the next so many broadcasts."""
    return [(await channel.broadcast("said"))["payload"]["n"] for _ in range(count)]


@pytest.mark.parametrize("kind", KEEPING)
async def test_what_a_client_keeps_is_replayed_to_all_kinds_that_join_later(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True, private=True)
    witness = await (await clients.make("realtime-js", server.url, key)).join(topic, private=True)
    assert await keep(speaker, 1) == "ok"
    assert await keep(speaker, 2, {"ttl": 60}) == "ok"
    assert await speaker.send("said", {"n": 3}) == "ok"
    live = [await witness.broadcast("said") for _ in range(3)]
    assert not live[2].get("meta"), "it was not to be kept"
    for other in KINDS:
        late = await (await clients.make(other, server.url, key)).join(topic, ack=True, private=True, replay=ALL)
        found = [await late.broadcast("said") for _ in range(2)]
        assert [each["payload"] for each in found] == [{"n": 1}, {"n": 2}]
        assert [each["meta"] for each in found] == [{**each["meta"], "replayed": True} for each in live[:2]]
        assert await speaker.send("said", {"n": 4}) == "ok"
        assert await numbers(late, 1) == [4]
        assert not late.untaken("broadcast"), other


@each_kind
async def test_a_join_has_the_newest_replayed_that_it_asks_for(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make("realtime-js", server.url, key)).join(topic, ack=True, private=True)
    for number in range(4):
        assert await keep(speaker, number) == "ok"
    client = await clients.make(kind, server.url, key)
    late = await client.join(topic, to_self=True, private=True, replay={"since": 0, "limit": 2})
    await late.send("said", {"n": 9})
    assert await numbers(late, 3) == [2, 3, 9]


@each_kind
async def test_what_was_kept_while_a_line_was_cut_is_replayed_to_who_comes_back(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    """A rejoin asks for what the join asked for, so what was heard before comes again, with the same `meta.id`."""
    speaker = await (await clients.make("realtime-js", server.url, key)).join(topic, ack=True, private=True)
    async with Relay(server.port) as relay:
        client = await clients.make(kind, relay.url, key, reconnect_ms=100)
        here = await client.join(topic, private=True, replay=ALL)
        assert await keep(speaker, 1) == "ok"
        heard = await here.broadcast("said")
        async with relay.held():
            relay.cut()
            await here.status("CHANNEL_ERROR")
            assert await keep(speaker, 2) == "ok"
        await here.status("SUBSCRIBED")
        again, missed = await here.broadcast("said"), await here.broadcast("said")
        assert (again["payload"], again["meta"]["id"]) == ({"n": 1}, heard["meta"]["id"])
        assert (missed["payload"], missed["meta"]["replayed"]) == ({"n": 2}, True)
        assert await keep(speaker, 3) == "ok"
        assert await numbers(here, 1) == [3]
        assert not here.untaken("broadcast")


@pytest.mark.parametrize("kind", JS_KINDS)
async def test_what_a_client_keeps_over_http_is_replayed(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make(kind, server.url, key)).join(topic, private=True)
    for number, persist in enumerate((True, {"ttl": 60}, False)):
        assert (await speaker.http_send("said", {"n": number}, persist=persist))["success"] is True
    late = await (await clients.make(kind, server.url, key)).join(topic, private=True, to_self=True, replay=ALL)
    await late.send("said", {"n": 9})
    assert await numbers(late, 3) == [0, 1, 9]


@pytest.mark.parametrize("kind", BINARY_KINDS)
async def test_bytes_that_are_kept_are_replayed_to_those_who_can_hear_them_and_harm_nobody_else(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    sent = bytes(range(256))
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True, private=True)
    assert await speaker.send("bytes", sent, persist=True) == "ok"
    assert await keep(speaker, 1) == "ok"
    for other in KINDS:
        late = await (await clients.make(other, server.url, key)).join(topic, private=True, replay=ALL)
        assert await numbers(late, 1) == [1]
        heard = [(event["payload"], event["meta"]["replayed"]) for event in late.untaken("broadcast")]
        assert heard == ([(sent, True)] if other in BINARY_KINDS else []), other


@pytest.mark.parametrize("kind", KEEPING)
async def test_a_program_is_told_why_it_cannot_keep(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    """`send()` of JavaScript returns the sentence; the others have it in the answer to a push."""
    text = "`persist` is true or {ttl: seconds}"
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True, private=True)
    assert await keep(speaker, 1, {"ttl": -1}) == ("error" if kind in REASONING else text)
    if kind in REASONING:
        payload = {"type": "broadcast", "event": "said", "payload": {}, "persist": {"ttl": -1}}
        assert (await speaker.push("broadcast", payload))["response"]["error"] == text
    assert await keep(speaker, 2) == "ok"


async def test_realtime_js_refuses_to_keep_by_a_broadcast_of_version_1_and_can_over_http(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    speaker = await (await clients.make(V1_REFUSES, server.url, key)).join(topic, ack=True, private=True, to_self=True)
    assert await keep(speaker, 1) == "error"
    assert (await speaker.http_send("said", {"n": 2}, persist=True))["success"] is True
    assert await numbers(speaker, 1) == [2]


@pytest.mark.parametrize("kind", REASONING)
async def test_phoenix_is_told_the_id_of_what_it_keeps_and_realtime_py_hides_it(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    speaker = await (await clients.make(kind, server.url, key)).join(topic, ack=True, private=True, to_self=True)
    said = {"type": "broadcast", "event": "said", "payload": {"n": 1}, "persist": True}
    answer = await speaker.push("broadcast", said)
    id = (await speaker.broadcast("said"))["meta"]["id"]
    assert answer["status"] == "ok"
    assert answer["response"].get("id") == (None if kind == "realtime-py" else id)


async def test_realtime_py_cannot_keep_over_http(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    speaker = await (await clients.make("realtime-py", server.url, key)).join(topic, private=True)
    with pytest.raises(ClientProblem, match="unexpected keyword argument 'persist'"):
        await speaker.http_send("said", {"n": 1}, persist=True)


@each_kind
async def test_a_replay_that_cannot_be_is_a_join_error(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    client = await clients.make(kind, server.url, key)
    refused = await client.begin_to_join(topic, private=True, replay={"since": 0, "limit": 99})
    assert "UnableToReplayMessages: Replay params are not valid" in await told(refused)
    refused = await client.begin_to_join(f"{topic} too", replay=ALL)
    text = "It must be a private channel" if kind in JS_KINDS else "Replay is not allowed for public channels"
    assert text in await told(refused)


async def told(channel: Channel) -> str:
    """What is wrong with a join; JavaScript finds some of it by itself, and raises."""
    return (await channel.take("status"))["error"]
