"""Limits of realtime topics, through real sockets: who is over one is told, and nobody else suffers."""

from pathlib import Path
from typing import Any

import pytest

from clients import Refused, SocketClient
from gateway_rig import opened
from whatssound.config import Limits
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.topics import Topic

PARTY = "realtime:party"


async def refused(client: SocketClient, text: str = "") -> dict[str, Any]:
    """The response of the error reply that saying this gets."""
    with pytest.raises(Refused) as caught:
        await say(client, text)
    return caught.value.response


async def joined(client: SocketClient, **broadcast: Any) -> None:
    await client.join(PARTY, config={"broadcast": broadcast})


async def say(client: SocketClient, text: str) -> dict[str, Any]:
    return await client.push(PARTY, "broadcast", type="broadcast", event="said", payload={"text": text})


async def test_three_megabytes_arrive_whole_and_a_little_more_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, rig.client(supabase=True) as ana, rig.client() as ben:
        await joined(ana, ack=True)
        await joined(ben)
        await say(ana, "x" * 3_000_000)
        heard = await ben.event("broadcast")
        assert len(heard["payload"]["text"]) == 3_000_000
        for text in ("x" * 3_001_000, "x" * 4_900_000):
            answer = await refused(ana, text)
            assert answer["error"] == "payload_size_exceeded"
        await say(ana, "still here")
        await ben.event("broadcast", where=lambda said: said["payload"]["text"] == "still here")


async def test_too_large_a_payload_is_answered_without_ack_too(tmp_path: Path) -> None:
    limits = Limits(realtime_payload_bytes=1_000)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as ana:
        await joined(ana)
        answer = await refused(ana, "x" * 1_000)
        assert set(answer) == {"code", "message", "reason", "error"}
        assert (answer["code"], answer["error"]) == ("too_large", "payload_size_exceeded")


async def test_a_frame_that_is_too_large_ends_the_socket_and_rooms_take_no_more_than_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        room = await rig.room()
        for supabase, size in ((False, 70_000), (True, 5_000_001)):
            async with rig.client(supabase=supabase) as ana:
                await joined(ana)
                await ana.send_raw("x" * size)
                await ana.lost()
                assert ana.closed_with is not None
                assert ana.closed_with[0] == 1009
        async with rig.client(await rig.guest("Ana"), supabase=True) as ana:
            await ana.join(f"room:{room.id}")
            with pytest.raises(Refused) as caught:
                await ana.push(f"room:{room.id}", "chat:send", text="x" * 70_000, nonce="n")
            assert caught.value.code == "too_large"
            await ana.push(f"room:{room.id}", "chat:send", text="x", nonce="n")


async def test_a_socket_has_a_bucket_for_realtime_topics_beside_that_for_rooms(tmp_path: Path) -> None:
    limits = Limits(realtime_socket_events_per_second=1, realtime_socket_events_burst=5, socket_events_burst=2)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as ana:
        await joined(ana, ack=True)
        for _ in range(4):
            await say(ana, "hello")
        answer = await refused(ana)
        assert (answer["error"], answer["reason"]) == ("rate_limited", "rate_limited")
        assert answer["retry_after_ms"] > 0
        room = await rig.room()
        await ana.join(f"room:{room.id}")


async def test_megabytes_count_as_many_events(tmp_path: Path) -> None:
    limits = Limits(realtime_socket_events_per_second=1, realtime_socket_events_burst=20)
    async with opened(tmp_path, limits=limits) as rig, rig.client(supabase=True) as ana:
        await joined(ana, ack=True)
        await say(ana, "x" * 1_000_000)
        await say(ana, "x")
        assert (await refused(ana, "x" * 1_000_000))["error"] == "rate_limited"
        await say(ana, "x")


async def test_joins_over_a_limit_are_refused_in_the_originals_words(tmp_path: Path) -> None:
    async def reason(client: SocketClient, topic: str) -> str:
        with pytest.raises(Refused) as caught:
            await client.join(topic)
        assert list(caught.value.response) == ["reason"]
        return caught.value.response["reason"]

    async with opened(tmp_path, limits=Limits(socket_channels=1)) as rig, rig.client() as ana:
        await joined(ana)
        assert await reason(ana, "realtime:other") == "ChannelRateLimitReached: Too many channels"
        await joined(ana)
    async with opened(tmp_path, limits=Limits(realtime_users=1)) as rig, rig.client() as ana, rig.client() as ben:
        await joined(ana)
        await ana.join("realtime:other")
        assert await reason(ben, PARTY) == "ConnectionRateLimitReached: Too many connected users"
        await ana.push(PARTY, "phx_leave")
        await ana.push("realtime:other", "phx_leave")
        await joined(ben)


async def test_who_joins_too_often_loses_the_socket(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(realtime_joins_per_second=1)) as rig, rig.client() as ana:
        for _ in range(60):
            await joined(ana)
        with pytest.raises(Refused) as caught:
            await joined(ana)
        assert caught.value.response == {"reason": "ClientJoinRateLimitReached: Too many joins per second"}
        await ana.lost()
        assert ana.closed_with is not None
        assert ana.closed_with[0] == 1001


async def test_over_the_events_of_a_process_who_sends_is_refused(tmp_path: Path) -> None:
    limits = Limits(realtime_events_per_second=1)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as ana, rig.client() as ben:
        await joined(ana, ack=True)
        await joined(ben)
        for _ in range(30):
            await say(ana, "hello")
        answer = await refused(ana)
        assert answer["reason"] == "MessagePerSecondRateLimitReached: Too many messages per second"
        await ben.push(PARTY, "phx_leave")
        assert len([event for _, event, _ in ben.events if event == "broadcast"]) == 30


async def test_where_the_settings_say_so_those_who_would_hear_are_sent_away(tmp_path: Path) -> None:
    limits = Limits(realtime_events_per_second=1, realtime_close_when_over=True)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as ana, rig.client() as ben, rig.client() as cleo:
        for client in (ana, ben, cleo):
            await joined(client, ack=True)
        for _ in range(20):
            await say(ana, "hello")
        rig.gateway.load.delivered(1)
        rig.gateway.topics.publish(Topic("party"), Broadcast("said", b"{}"))
        for client in (ana, ben, cleo):
            await sent_away(client)
        assert rig.gateway.topics.statistics() == (0, 0)
        assert rig.gateway.load.statistics().users == 0


async def test_where_the_settings_say_so_who_sends_too_much_is_refused_and_ends_the_topic(tmp_path: Path) -> None:
    limits = Limits(realtime_events_per_second=1, realtime_close_when_over=True)
    async with opened(tmp_path, limits=limits) as rig, rig.client() as ana, rig.client() as ben, rig.client() as cleo:
        await joined(ana, ack=True)
        await joined(ben)
        await cleo.join("realtime:other")
        for _ in range(30):
            await say(ana, "hello")
        answer = await refused(ana)
        assert answer["reason"] == "MessagePerSecondRateLimitReached: Too many messages per second"
        for client in (ana, ben):
            await sent_away(client)
        assert rig.gateway.topics.statistics() == (1, 1)


async def sent_away(client: SocketClient) -> None:
    """The server says why it ends the channel, and does so."""
    assert await client.event("system") == {
        "extension": "system",
        "status": "error",
        "message": "Too many messages per second",
        "channel": "party",
    }
    await client.event("phx_close")
