"""SIGKILL in the middle of a chat burst, again and again: nothing acknowledged is lost, nothing is doubled."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from clients import SocketClient
from faults.checker import ClientLog, Stored, broken_promises
from faults.talker import Talker
from servers import ServerProcess

KILLS = 50
SENDERS = 8
SEED = 20260101

NO_LIMITS = {
    f"WHATSSOUND_{name}": "1000000"
    for name in ("CHAT_USER_PER_10S", "CHAT_ROOM_PER_S", "SOCKET_EVENTS_PER_SECOND", "SOCKET_EVENTS_BURST")
}


def talker(server: ServerProcess, room_id: str, name: str) -> Talker:
    token = server.guest(name)["access_token"]
    return Talker(server, room_id, ClientLog(name), SocketClient(server.url, token))


async def burst_and_kill(talkers: list[Talker], server: ServerProcess, acknowledgements: int) -> None:
    """Let all senders talk, kill the server after so many acknowledgements, and take in what they were told."""
    before = sum(len(t.log.acknowledged) for t in talkers)
    talking = [asyncio.create_task(t.talk()) for t in talkers]
    while sum(len(t.log.acknowledged) for t in talkers) - before < acknowledgements:
        await next_frame(talkers)
    assert all(len(t.unacknowledged) >= 4 for t in talkers), "every sender must have messages on their way"
    server.kill()
    await asyncio.gather(*talking)
    for t in talkers:
        await t.client.lost()
        t.read_events()


async def next_frame(talkers: list[Talker]) -> None:
    """Return when the first sender heard something new."""
    first = talkers[0].client
    seen = len(first.events)
    await first.event("chat", after=seen)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_fifty_kills_during_a_chat_burst_lose_and_double_nothing(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with ServerProcess(tmp_path / "data", environment=NO_LIMITS) as server:
        owner = server.token("owner")
        room = server.call("POST", "/v1/rooms", {"title": "Fault room"}, token=owner)["room"]
        talkers = [talker(server, room["id"], f"sender {n}") for n in range(SENDERS)]
        async with contextlib.AsyncExitStack() as stack:
            for t in talkers:
                stack.push_async_callback(t.client.close)
                await t.enter()
            for _ in range(KILLS):
                await burst_and_kill(talkers, server, rng.randint(10, 80))
                await asyncio.to_thread(server.start)
                for t in talkers:
                    await t.client.close()
                    await t.enter()
                await asyncio.gather(*(t.resend() for t in talkers))
            await settle(talkers)
        history = whole_history(server, room["id"], owner)
    for t in talkers:
        t.log.messages = sorted(t.shown)
        assert not t.unacknowledged
    acknowledged = sum(len(t.log.acknowledged) for t in talkers)
    assert acknowledged >= KILLS * 10
    assert broken_promises([t.log for t in talkers], history) == []


async def settle(talkers: list[Talker]) -> None:
    """One last message that everybody hears, so that everything before it was heard."""
    await talkers[0].client.push(talkers[0].topic, "chat:send", text="the end", nonce="the end")
    for t in talkers:
        await t.client.event("chat", where=lambda payload: payload.get("nonce") == "the end")
        t.read_events()


def whole_history(server: ServerProcess, room_id: str, token: str) -> list[Stored]:
    """Every message of the room, oldest first, page by page."""
    found: list[Stored] = []
    path = f"/v1/rooms/{room_id}/messages?limit=100"
    page = server.call("GET", path, token=token)
    while True:
        found += [Stored(int(m["id"]), m.get("nonce", ""), m["text"]) for m in page["messages"]]
        if not page["has_more"]:
            return found[::-1]
        page = server.call("GET", f"{path}&before={page['messages'][-1]['id']}", token=token)
