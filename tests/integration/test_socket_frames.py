"""Frames, whole and broken: what RFC 6455 asks of a server, and what junk may not do."""

import json
from collections.abc import AsyncIterator

import pytest

from gateway_server import BEATEN, HEARTBEAT, LIMITS, Doorkeeper, RawClient, closed_with, connected
from whatssound.gateway.session import JUNK_FRAMES

JUNK = (b"", b"{}", b"[", b"nonsense", b"\xff\xfe", b"[" * 3_000, b'["1","1","t"]', b'[1,2,"t","e",{}]')


@pytest.fixture
def door() -> Doorkeeper:
    return Doorkeeper()


@pytest.fixture
async def port(door: Doorkeeper) -> AsyncIterator[int]:
    async with door.open() as port:
        yield port


async def test_a_frame_at_the_limit_is_read_and_one_over_it_closes_the_socket(port: int) -> None:
    start, end = '[null,"1","phoenix","heartbeat",{"padding":"', '"}]'
    async with connected(port) as client:
        await client.send(start + "x" * (LIMITS.frame_bytes - len(start + end)) + end)
        assert json.loads(await client.recv()) == BEATEN
        await client.send("x" * (LIMITS.frame_bytes + 1))
        assert await closed_with(client) == 1009


async def test_fragments_are_put_together_with_a_ping_in_between(port: int) -> None:
    async with connected(port) as client:
        await client.send([HEARTBEAT[:5], HEARTBEAT[5:9], HEARTBEAT[9:]])
        assert json.loads(await client.recv()) == BEATEN
    async with await RawClient.open(port) as raw:
        await raw.head()
        raw.send(HEARTBEAT[:9].encode(), fin=False)
        raw.send(b"are you there?", opcode=9)
        raw.send(HEARTBEAT[9:].encode(), opcode=0)
        assert await raw.reader.readexactly(16) == b"\x8a\x0eare you there?"
        assert (await raw.reader.readexactly(2))[0] == 0x81


async def test_fragments_may_not_add_up_to_more_than_a_frame(port: int) -> None:
    async with await RawClient.open(port) as client:
        await client.head()
        client.send(b"x" * 60_000, fin=False)
        client.send(b"x" * 10_001, opcode=0, fin=False)
        assert (await client.rest()).startswith(b"\x88\x09\x03\xf1")  # 1009


@pytest.mark.parametrize("frame", [b"\xc1\x80\0\0\0\0", b"\x80\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\x01x"])
async def test_a_breach_of_the_protocol_is_closed_as_such(port: int, frame: bytes) -> None:
    """A reserved bit, a continuation of nothing, an unknown opcode, a frame without a mask."""
    async with await RawClient.open(port) as client:
        await client.head()
        client.writer.write(frame)
        answer = await client.rest()
        assert (answer[0], answer[2:4]) == (0x88, b"\x03\xea")  # 1002


async def test_a_thousand_malformed_frames_are_dropped_and_nobody_is_disturbed(port: int, door: Doorkeeper) -> None:
    async with connected(port) as other, connected(port) as client:
        for number in range(1_000):
            await client.send(JUNK[number % len(JUNK)], text=True)
        await other.send(HEARTBEAT)
        assert json.loads(await other.recv()) == BEATEN
        await client.send(HEARTBEAT)
        assert json.loads(await client.recv()) == BEATEN
    assert door.metrics.malformed._value.get() == 1_000


async def test_binary_frames_are_dropped(port: int, door: Doorkeeper) -> None:
    async with connected(port) as client:
        await client.send(b"\x03\x01\x01\x0a\x02\x15\x01")
        await client.send(HEARTBEAT)
        assert json.loads(await client.recv()) == BEATEN
    assert door.metrics.malformed._value.get() == 1


async def test_an_unknown_topic_is_answered(port: int) -> None:
    unmatched = {"status": "error", "response": {"reason": "unmatched topic"}}
    async with connected(port) as client:
        await client.send('["1","1","nonsense:1","phx_join",{}]')
        assert json.loads(await client.recv()) == [None, "1", "nonsense:1", "phx_reply", unmatched]
        await client.send('["1","2","room:1","chat:send",{}]')
        assert json.loads(await client.recv()) == [None, "2", "room:1", "phx_reply", unmatched]
        await client.send('["1","3","room:1","phx_leave",{}]')
        assert json.loads(await client.recv())[4] == {"status": "ok", "response": {}}


async def test_who_sends_nothing_but_junk_is_closed(door: Doorkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatssound.gateway.session.JUNK_FRAMES", 1_500)
    assert JUNK_FRAMES > 1_500
    async with door.open() as port, connected(port) as client:
        for _ in range(1_501):
            await client.send("junk")
        assert await closed_with(client) == 1008
