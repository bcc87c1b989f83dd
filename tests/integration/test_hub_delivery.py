"""Everybody hears everything, whatever the others do: resumes, restarts, slow readers and the end of a server."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from clients import Refused, SocketClient
from flush_rig import HandLoop, Listener
from gateway_rig import Rig, opened
from gateway_server import RawClient, closed_with, connected
from nats_rig import until
from whatssound.adapters.memory import MemoryLog
from whatssound.bus.log import LogPosition
from whatssound.config import Limits
from whatssound.gateway.flusher import Flusher
from whatssound.ids import RoomId
from whatssound.rooms.room import Room
from whatssound.wire.record import encode_record

FAST = Limits(socket_events_per_second=100_000, socket_events_burst=100_000)


def topic(room: Room) -> str:
    return f"room:{room.id}"


async def say(rig: Rig, room: Room, *numbers: int, padding: str = "") -> None:
    """Chat events straight into the log: what the hub does with them is not the chat's business."""
    for number in numbers:
        payload: dict[str, object] = {"id": str(number), "n": number, "text": padding}
        await rig.log.append(room.id, encode_record("chat", payload), key=f"k{number}")


def numbers(client: SocketClient) -> list[int]:
    """What `client` heard, checked to be without a gap."""
    heard = [payload for _, event, payload in client.events if event == "chat"]
    for before, after in itertools.pairwise(heard):
        assert after["prev"] == before["seq"]
    return [payload["n"] for payload in heard]


async def test_who_comes_back_gets_what_was_missed_and_then_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, rig.client() as stays, rig.client() as leaves:
        room = await rig.room()
        await stays.join(topic(room))
        await leaves.join(topic(room))
        await say(rig, room, 1, 2)
        last = await leaves.event("chat", where=lambda payload: payload["n"] == 2)
        await leaves.close()
        await say(rig, room, 3, 4)
        await leaves.connect()
        after = {"epoch": "first", "seq": last["seq"], "key": last["key"]}
        reply = await leaves.join(topic(room), after=after)
        await say(rig, room, 5)
        await leaves.event("chat", where=lambda payload: payload["n"] == 5)
        await stays.event("chat", where=lambda payload: payload["n"] == 5)
    assert "reset" not in reply
    missed = [(name, payload["n"], payload["prev"]) for name, payload in reply["events"]]
    assert missed == [("chat", 3, last["seq"]), ("chat", 4, reply["events"][0][1]["seq"])]
    assert reply["position"]["seq"] == reply["events"][-1][1]["seq"]
    assert [payload["n"] for _, event, payload in leaves.events if event == "chat"] == [1, 2, 5]
    assert numbers(stays) == [1, 2, 3, 4, 5]


async def test_the_only_listener_comes_back_and_has_missed_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, rig.client() as client:
        room = await rig.room()
        await say(rig, room, 1)
        position = (await client.join(topic(room)))["position"]
        await client.close()
        await say(rig, room, 2, 3)
        await client.connect()
        reply = await client.join(topic(room), after=position)
    assert [payload["n"] for _, payload in reply["events"]] == [2, 3]


async def test_after_a_restart_everybody_starts_from_a_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, rig.client() as client:
        room = await rig.room()
        await say(rig, room, 1)
        position = (await client.join(topic(room)))["position"]
        for wrong in ({**position, "epoch": "an older life"}, {**position, "key": "another"}, {**position, "seq": 0}):
            reply = await client.join(topic(room), after=wrong)
            assert reply["reset"] is True
            assert "events" not in reply


async def test_a_socket_that_never_reads_is_closed_and_the_others_get_everything(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=FAST) as rig, rig.client() as reads, rig.client() as second:
        room = await rig.room()
        await reads.join(topic(room))
        await second.join(topic(room))
        async with await RawClient.open(rig.port) as deaf:
            token = rig.accounts.token_for(None)
            await deaf.head()
            deaf.send(json.dumps(["1", "1", topic(room), "phx_join", {"access_token": token}]).encode())
            await reads.event("listeners", where=lambda payload: payload["count"] == 3)
            sent = 0
            while rig.gateway.listeners(room.id) == 3:
                sent += 1
                assert sent < 2_000, "20 MB were taken for somebody who reads nothing"
                await say(rig, room, sent, padding="x" * 10_000)
            for client in (reads, second):
                await client.event("chat", where=lambda payload: payload["n"] == sent)
                assert numbers(client) == list(range(1, sent + 1))
            assert rig.gateway.statistics().waiting_bytes == 0


async def test_a_reader_that_was_too_slow_is_told_to_resume(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=FAST) as rig:
        room = await rig.room()
        async with await RawClient.open(rig.port) as slow:
            token = rig.accounts.token_for(None)
            await slow.head()
            slow.send(json.dumps(["1", "1", topic(room), "phx_join", {"access_token": token}]).encode())
            await slow.reader.readexactly(2)
            sent = 0
            while rig.gateway.listeners(room.id):
                sent += 1
                await say(rig, room, sent, padding="x" * 10_000)
            assert (await slow.rest())[-40:].count(b"\x0f\xa8resume retry_after_ms=") == 1  # 4008


async def test_a_burst_beyond_the_limit_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    limits = Limits(socket_events_per_second=1, socket_events_burst=5)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as loud, rig.client() as calm:
        room = await rig.room()
        await loud.join(topic(room))
        await calm.join(topic(room))
        for _ in range(4):
            await loud.push(topic(room), "clock", t1=0)
        with pytest.raises(Refused, match="rate_limited") as refused:
            await loud.push(topic(room), "clock", t1=0)
        assert 0 < refused.value.response["retry_after_ms"] <= 1_000
        await calm.push(topic(room), "clock", t1=0)


async def test_a_drain_sends_everybody_away_and_takes_nobody_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, connected(rig.port) as client, rig.client() as other:
        await other.join(topic(await rig.room()))
        draining = asyncio.create_task(rig.gateway.drain())
        assert await closed_with(client) == 1012
        await other.lost()
        assert other.closed_with is not None
        assert other.closed_with[0] == 1012
        await draining
        assert rig.gateway.statistics() == (0, 0, 0, 0, 0)
        with pytest.raises(InvalidStatus) as refused:
            async with connected(rig.port):
                pass
        assert refused.value.response.status_code == 503
        assert 1 <= int(refused.value.response.headers["retry-after"]) <= 3


async def test_a_room_that_cannot_keep_up_refuses_chat_before_it_is_stored(tmp_path: Path) -> None:
    clock = HandLoop()
    flusher = Flusher(now_s=clock.now_s)
    async with opened(tmp_path, flusher=flusher) as rig, rig.client(await rig.guest("Ana")) as ana:
        room = await rig.room()
        await ana.join(topic(room))
        position = (await rig.log.positions([room.id]))[room.id]
        for crowd in [Listener(clock, cost_s=0.02) for _ in range(100)]:
            (await rig.gateway.hub.attach(room.id, crowd)).release(crowd, position)
        await ana.push(topic(room), "chat:send", text="heard", nonce="1")
        await until(lambda: flusher.statistics().flushing == 0)
        with pytest.raises(Refused, match="overloaded") as refused:
            await ana.push(topic(room), "chat:send", text="shed", nonce="2")
        wait_ms = refused.value.response["retry_after_ms"]
        assert 0 < wait_ms <= 5_000
        clock.pass_time(wait_ms / 1_000)
        await ana.push(topic(room), "chat:send", text="heard again", nonce="3")
        texts = [message.text for message in (await rig.messages.page(room.id)).messages]
        assert texts == ["heard again", "heard"]


async def test_what_somebody_says_is_written_to_them_before_the_answer(tmp_path: Path) -> None:
    clock = HandLoop()
    flusher = Flusher(now_s=clock.now_s)
    async with opened(tmp_path, flusher=flusher) as rig, rig.client(await rig.guest("Ana")) as ana:
        room = await rig.room()
        await ana.join(topic(room))
        crowd = Listener(clock, cost_s=0.3)
        (await rig.gateway.hub.attach(room.id, crowd)).release(crowd, (await rig.log.positions([room.id]))[room.id])
        await ana.push(topic(room), "chat:send", text="first", nonce="1")
        await ana.push(topic(room), "chat:send", text="in a tick", nonce="2")
        assert [payload["text"] for _, name, payload in ana.events if name == "chat"] == ["first", "in a tick"]
        assert flusher.statistics().waiting == 1


class GatedLog(MemoryLog):
    """A log that takes its time over one event."""

    def __init__(self) -> None:
        super().__init__("first")
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        self.asked.set()
        await self.gate.wait()
        return await super().append(room, record, key=key)


async def test_a_command_under_way_is_finished_before_a_drain_returns(tmp_path: Path) -> None:
    log = GatedLog()
    async with opened(tmp_path, log=log) as rig, rig.client(await rig.guest("Ana")) as ana:
        room = await rig.room()
        await ana.join(topic(room))
        sending = asyncio.create_task(ana.push(topic(room), "chat:send", text="last words", nonce="n"))
        await log.asked.wait()
        draining = asyncio.create_task(rig.gateway.drain())
        with pytest.raises(ConnectionError):
            await sending
        assert not draining.done()
        log.gate.set()
        await draining
        assert (await log.positions([room.id]))[room.id].seq == 1
        assert [message.text for message in (await rig.messages.page(room.id)).messages] == ["last words"]
