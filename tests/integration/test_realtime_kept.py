"""Broadcasts that are kept, and joins that have them replayed: beside the owner, and in a process that asks it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clients import Refused, SocketClient
from gateway_rig import opened
from gateway_server import connected
from remote_rig import Pair, one_process, paired, two_connections
from whatssound.adapters.messages_sqlite.schema import connect
from whatssound.ids import ms_of
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.topics import Topic
from whatssound.wire import realtime as wire

PLACES = ["near", "far"]
on_both_buses = pytest.mark.parametrize("pair", ["memory", "nats"], indirect=True)
at_both_gateways = pytest.mark.parametrize("where", PLACES)
TOPIC = "realtime:talk"
PRIVATE = Topic("talk", private=True)


@pytest.fixture
async def pair(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """In one process or, where a test says so, as it is between two: each connected to a real nats-server."""
    on_nats = getattr(request, "param", "memory") == "nats"
    wires = two_connections(request.getfixturevalue("nats_server")) if on_nats else one_process()
    async with wires as (near, far), paired(tmp_path, near, far) as pair:
        yield pair


def other(where: str) -> str:
    return "far" if where == "near" else "near"


def config(*, ack: bool = True, private: bool = True, **broadcast: Any) -> dict[str, Any]:
    wanted = {"broadcast": {"ack": ack, **broadcast}, "presence": {"enabled": False}}
    return {**wanted, "private": private, "postgres_changes": []}


async def keep(client: SocketClient, number: int, persist: Any = True, **extra: Any) -> str:
    """The id under which a broadcast was kept."""
    payload = {"type": "broadcast", "event": "e", "payload": {"n": number}, "persist": persist, **extra}
    answer = await client.push(TOPIC, "broadcast", **payload)
    return answer["id"]


def replayed(client: SocketClient) -> list[dict[str, Any]]:
    return [payload for _, event, payload in client.events if event == "broadcast"]


def numbers(client: SocketClient) -> list[int]:
    return [payload["payload"]["n"] for payload in replayed(client)]


async def until_heard(client: SocketClient, number: int) -> dict[str, Any]:
    return await client.event("broadcast", where=lambda payload: payload["payload"].get("n") == number)


@at_both_gateways
async def test_what_was_kept_is_replayed_to_who_joins_later(pair: Pair, where: str) -> None:
    ana, ben = await pair.rig.guest("Ana"), await pair.rig.guest("Ben")
    async with pair.client(where, ana) as speaker, pair.client(other(where), ben) as listener:
        await speaker.join(TOPIC, config=config())
        await listener.join(TOPIC, config=config())
        ids = [await keep(speaker, n, colour="red") for n in range(3)]
        live = await until_heard(listener, 2)
        assert live == {
            "type": "broadcast",
            "event": "e",
            "payload": {"n": 2},
            "colour": "red",
            "meta": {"id": ids[2]},
        }
        await speaker.push(TOPIC, "broadcast", type="broadcast", event="e", payload={"n": 77})
        await until_heard(listener, 77)
    assert ids == sorted(ids, key=int)
    for place in PLACES:
        async with pair.client(place, ben) as late:
            await late.join(TOPIC, config=config(replay={"since": 0, "limit": 2}))
            await late.push(TOPIC, "broadcast", type="broadcast", event="e", payload={})  # what follows has come
            assert replayed(late) == [
                {
                    "type": "broadcast",
                    "event": "e",
                    "payload": {"n": n},
                    "meta": {"replayed": True, "id": ids[n]},
                }
                for n in (1, 2)
            ]


async def test_what_is_replayed_begins_where_it_was_asked(pair: Pair) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client("far", ana) as client:
        await client.join(TOPIC, config=config())
        await keep(client, 0)
        pair.rig.time.ms += 5_000
        since = ms_of(int(await keep(client, 1)))
        await keep(client, 2, persist={"ttl": 1})
        pair.rig.time.ms += 1_000
        await keep(client, 3, persist={"ttl": 10**6})
    async with pair.client("far", ana) as client:
        await client.join(TOPIC, config=config(replay={"since": since}))
        await until_heard(client, 3)
        assert numbers(client) == [1, 3]
    pair.rig.time.ms += 72 * 3_600_000
    async with pair.client("far", await pair.rig.guest("Cleo")) as client:
        await client.join(TOPIC, config=config(replay={"since": 0}))
        await client.push(TOPIC, "broadcast", type="broadcast", event="e", payload={})
        assert numbers(client) == []


@at_both_gateways
async def test_binary_broadcasts_are_replayed_as_kind_4_to_those_who_understand(pair: Pair, where: str) -> None:
    ana = await pair.rig.guest("Ana")
    port = pair.rig.port if where == "near" else pair.remote_port
    token = pair.rig.accounts.token_for(ana)
    join = {"config": config(replay={"since": 0}), "access_token": token}
    async with connected(port) as socket:
        await socket.send(json.dumps(["1", "1", TOPIC, "phx_join", join]))
        assert json.loads(await socket.recv())[4]["status"] == "ok"
        parts = (b"1", b"2", TOPIC.encode(), b"e", b'{"persist":true}')
        await socket.send(bytes((3, *map(len, parts), 0)) + b"".join(parts) + b"\0\xff")
        answer = json.loads(await socket.recv())
        assert answer[3:] == ["phx_reply", {"status": "ok", "response": {"id": answer[4]["response"]["id"]}}]
    async with connected(port) as socket:
        await socket.send(json.dumps(["1", "1", TOPIC, "phx_join", join]))
        assert json.loads(await socket.recv())[4]["status"] == "ok"
        meta = b'{"replayed":true,"id":"%b"}' % answer[4]["response"]["id"].encode()
        expected = (TOPIC.encode(), b"e", meta)
        assert await socket.recv() == bytes((4, *map(len, expected), 0)) + b"".join(expected) + b"\0\xff"
    del join["config"]["postgres_changes"]  # a plain phoenix.js, which would fail at kind 4
    async with connected(port) as socket:
        await socket.send(json.dumps(["1", "1", TOPIC, "phx_join", join]))
        await socket.send(json.dumps(["1", "2", TOPIC, "broadcast", {"event": "e"}]))
        assert [json.loads(await socket.recv())[1] for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize(
    ("private", "persist", "reason"),
    [
        (False, True, "Only broadcasts of private channels can be kept"),
        (True, {"ttl": 0}, "`persist` is true or {ttl: seconds}"),
        (True, "yes", "`persist` is true or {ttl: seconds}"),
    ],
)
async def test_what_cannot_be_kept_is_neither_told_nor_stored(
    pair: Pair, private: bool, persist: Any, reason: str
) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client("far", ana) as client:
        await client.join(TOPIC, config=config(private=private, self=True))
        with pytest.raises(Refused) as refused:
            await keep(client, 1, persist=persist)
        assert refused.value.response["error"] == reason
        await client.push(TOPIC, "broadcast", type="broadcast", event="e", payload={"n": 2}, persist=False)
        await until_heard(client, 2)
        assert numbers(client) == [2]
    assert (await pair.rig.kept.since(PRIVATE, 0, 25)).broadcasts == []


async def test_a_payload_that_is_too_large_to_keep_says_so(pair: Pair) -> None:
    async with pair.client("far", await pair.rig.guest("Ana")) as client:
        await client.join(TOPIC, config=config())
        with pytest.raises(Refused, match="at most 50,000 bytes"):
            await keep(client, 1, payload={"text": "x" * 50_000})


async def test_who_may_send_may_not_always_keep(tmp_path: Path) -> None:
    def only_broadcasts(claims: Any, topic: str, extension: str, operation: str) -> bool:
        return extension == "broadcast"

    async with opened(tmp_path, policy=only_broadcasts) as rig, rig.client(await rig.guest("Ana")) as client:
        await client.join(TOPIC, config=config())
        with pytest.raises(Refused, match="unauthorized"):
            await keep(client, 1)
        await client.push(TOPIC, "broadcast", type="broadcast", event="e", payload={})
        assert (await rig.kept.since(PRIVATE, 0, 25)).broadcasts == []


@pytest.mark.parametrize(
    ("private", "replay", "reason"),
    [
        (False, {"since": 0}, "UnableToReplayMessages: Replay is not allowed for public channels"),
        (True, {"since": 0, "limit": 26}, "UnableToReplayMessages: Replay params are not valid"),
        (True, {"limit": 5}, "UnableToReplayMessages: Replay params are not valid"),
    ],
)
async def test_a_replay_that_cannot_be_is_a_join_error(pair: Pair, private: bool, replay: Any, reason: str) -> None:
    async with pair.client("near", await pair.rig.guest("Ana")) as client:
        with pytest.raises(Refused) as refused:
            await client.join(TOPIC, config=config(private=private, replay=replay))
        assert refused.value.response["reason"] == reason


async def test_a_store_that_does_not_answer_is_a_join_error_that_may_be_tried_again(pair: Pair) -> None:
    async with pair.client("far", await pair.rig.guest("Ana")) as client:
        pair.far_bus.lost_answers = 1
        with pytest.raises(Refused) as refused:
            await client.join(TOPIC, config=config(replay={"since": 0}))
        reason = "UnableToReplayMessages: Realtime was unable to replay messages"
        assert refused.value.response["reason"] == reason
        assert not any(event == "phx_close" for _, event, _ in client.events)
        await client.join(TOPIC, config=config(replay={"since": 0}))
    assert pair.remote.topics.statistics().topics == 0


@on_both_buses
@pytest.mark.parametrize("between", ["question", "answer"])
async def test_nothing_is_lost_or_doubled_that_comes_while_a_join_reads(pair: Pair, between: str) -> None:
    """The second broadcast comes before the owner reads (it is in both), or after (it is only live)."""
    ana, ben = await pair.rig.guest("Ana"), await pair.rig.guest("Ben")
    async with pair.client("near", ana) as speaker, pair.client("far", ben) as listener, pair.client("far", ana) as by:
        await speaker.join(TOPIC, config=config())
        await by.join(TOPIC, config=config())
        await keep(speaker, 1)
        gate = pair.far_bus.stopped_before if between == "question" else pair.far_bus.stopped_after
        with gate():
            joining = asyncio.create_task(listener.join(TOPIC, config=config(replay={"since": 0})))
            await pair.far_bus.reached.wait()
            await keep(speaker, 2)
            await until_heard(by, 2)  # so the listener's process has it, too
        await joining
        await keep(speaker, 3)
        await until_heard(listener, 3)
        assert numbers(listener) == [1, 2, 3]
        assert [payload["meta"].get("replayed", False) for payload in replayed(listener)] == [
            True,
            between == "question",
            False,
        ]


@on_both_buses
async def test_what_was_heard_before_it_was_stored_is_replayed_all_the_same(pair: Pair, tmp_path: Path) -> None:
    ana = await pair.rig.guest("Ana")
    async with pair.client("near", ana) as speaker, pair.client("far", ana) as listener:
        await speaker.join(TOPIC, config=config())
        await listener.join(TOPIC, config=config())
        await keep(speaker, 0)
        with closing(connect(str(tmp_path / "m.sqlite3"))) as blocker:
            blocker.execute("BEGIN IMMEDIATE")  # the writer waits for its turn
            keeping = asyncio.create_task(keep(speaker, 1))
            await until_heard(listener, 1)
            reading = asyncio.create_task(pair.rig.kept.since(PRIVATE, 0, 25))
            elsewhere = await pair.rig.kept.since(Topic("elsewhere", private=True), 0, 25)
            assert elsewhere.broadcasts == []
            assert not reading.done(), "it did not wait for what was told"
            blocker.execute("ROLLBACK")
        page = await reading
        assert [broadcast.id for broadcast in page.broadcasts][1:] == [await keeping]


@on_both_buses
async def test_a_broadcast_that_is_kept_is_not_overtaken_by_what_its_sender_says_next(pair: Pair) -> None:
    ana, ben = await pair.rig.guest("Ana"), await pair.rig.guest("Ben")
    async with pair.client("far", ana) as speaker, pair.client("near", ben) as listener:
        await speaker.join(TOPIC, config=config())
        await listener.join(TOPIC, config=config())
        with pair.far_bus.stopped_before():
            keeping = asyncio.create_task(keep(speaker, 1))
            await pair.far_bus.reached.wait()
            sending = asyncio.create_task(
                speaker.push(TOPIC, "broadcast", type="broadcast", event="e", payload={"n": 2})
            )
            await speaker.push("phoenix", "heartbeat")  # answered out of turn, after the broadcast was read
        await keeping
        await sending
        await until_heard(listener, 2)
        assert numbers(listener) == [1, 2]


@on_both_buses
async def test_more_than_fits_into_an_answer_comes_in_several(pair: Pair) -> None:
    for n in range(25):
        payload = json.dumps({"n": n, "pad": "x" * 45_000}).encode()
        await pair.rig.kept.keep(PRIVATE, Broadcast("e", wire.broadcast("e", payload)))
    async with pair.client("far", await pair.rig.guest("Ana")) as client:
        await client.join(TOPIC, config=config(replay={"since": 0, "limit": 24}))
        await until_heard(client, 24)
        assert numbers(client) == list(range(1, 25))
