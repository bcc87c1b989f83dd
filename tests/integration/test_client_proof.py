"""What the SDK notices by itself when a server does not keep its promises."""

import asyncio
from typing import Any

import pytest

from lying_server import LyingServer, chat, join_reply
from whatssound.client import Chat, Events, Joined, Lost, Refusal, RoomEvent, connect

Said = tuple[str, dict[str, Any]]
Answer = tuple[str, dict[str, Any], list[dict[str, Any]]]


async def first(events: Events, count: int) -> list[RoomEvent]:
    found: list[RoomEvent] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found.append(await anext(events))
    return found


async def test_a_missing_event_makes_it_join_from_scratch() -> None:
    def on_join(payload: dict[str, Any]) -> Answer:
        if len(server.joins) == 1:
            return "ok", join_reply(5, reset=True), [chat(6, 5), chat(8, 7)]
        assert "after" not in payload
        return "ok", join_reply(8, reset=True), [chat(9, 8)]

    server = LyingServer(on_join)
    async with server.open() as url, connect(url, token="t") as client, client.join("7") as room:
        before, lost, joined, after = await first(room.events(), 4)
        assert isinstance(before, Chat)
        assert (lost, joined) == (Lost(), Joined(resumed=False))
        assert isinstance(after, Chat)
        assert (before.id, after.id) == ("6", "9")
        assert room.statistics() == (2, 0, 1, 1, 0)


async def test_a_repeated_event_is_counted_and_not_told_twice() -> None:
    def on_join(payload: dict[str, Any]) -> Answer:
        return "ok", join_reply(5, reset=True), [chat(6, 5), chat(6, 5), chat(4, 3), chat(7, 6)]

    async with LyingServer(on_join).open() as url, connect(url, token="t") as client, client.join("7") as room:
        assert [event.id for event in await first(room.events(), 2) if isinstance(event, Chat)] == ["6", "7"]
        assert room.statistics() == (1, 0, 0, 0, 2)


async def test_a_false_recovery_is_a_reset() -> None:
    def on_join(payload: dict[str, Any]) -> Answer:
        if "after" not in payload:
            return "ok", join_reply(5, reset=True), []
        missed = [["chat", chat(6, 5)], ["chat", chat(8, 7)]]
        return "ok", join_reply(8, events=missed), [chat(9, 8)]

    server = LyingServer(on_join)
    async with server.open() as url, connect(url, token="t") as client, client.join("7") as room:
        events = room.events()
        await server.close_all(4008)
        lost, joined, said = await first(events, 3)
        assert (lost, joined) == (Lost(), Joined(resumed=False))
        assert isinstance(said, Chat)
        assert room.statistics() == (2, 0, 1, 1, 0)
        assert client.statistics().closed_with == ((4008, 1),)


async def test_a_recovery_that_ends_short_of_its_position_is_a_reset() -> None:
    def on_join(payload: dict[str, Any]) -> Answer:
        if "after" not in payload:
            return "ok", join_reply(5, reset=True), []
        return "ok", join_reply(8, events=[["chat", chat(6, 5)]]), [chat(9, 8)]

    server = LyingServer(on_join)
    async with server.open() as url, connect(url, token="t") as client, client.join("7") as room:
        events = room.events()
        await server.close_all(1012)
        assert (await first(events, 2))[1] == Joined(resumed=False)


async def test_a_join_that_is_refused_for_now_is_tried_again_no_sooner_than_asked() -> None:
    asked_s: list[float] = []

    def on_join(payload: dict[str, Any]) -> Answer:
        asked_s.append(asyncio.get_running_loop().time())
        if len(asked_s) == 1:
            return "error", {"code": "overloaded", "message": "later", "retry_after_ms": 700}, []
        return "ok", join_reply(5, reset=True), []

    async with LyingServer(on_join).open() as url, connect(url, token="t") as client, client.join("7") as room:
        assert room.id == "7"
        assert asked_s[1] - asked_s[0] >= 0.7


async def test_a_command_that_cannot_be_done_just_now_is_sent_again_under_its_nonce() -> None:
    def on_join(payload: dict[str, Any]) -> Answer:
        return "ok", join_reply(5, reset=True), []

    def on_command(event: str, payload: dict[str, Any]) -> Said:
        if len(server.pushed) == 1:
            return "error", {"code": "unavailable", "message": "not now", "retry_after_ms": 50}
        if len(server.pushed) == 2:
            return "ok", {"id": "77", "seq": 6}
        return "error", {"code": "rate_limited", "message": "too fast", "retry_after_ms": 50}

    server = LyingServer(on_join, on_command)
    async with server.open() as url, connect(url, token="t") as client, client.join("7") as room:
        assert await room.say("hello") == "77"
        (_, first_try), (_, second_try) = server.pushed
        assert first_try == second_try
        with pytest.raises(Refusal, match="rate_limited"):
            await room.say("and more")
