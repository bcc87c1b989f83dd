"""Kept broadcasts in real processes, after kills."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clients import SocketClient
from servers import ServerProcess

pytestmark = pytest.mark.slow

TOPIC = "realtime:minutes"
ENOUGH = 12
PRIVATE = {"broadcast": {"ack": True}, "private": True}
REPLAYED = {"broadcast": {"replay": {"since": 0, "limit": 25}}, "private": True}


@pytest.fixture(scope="module", params=["1", "2"], ids=["alone", "2 workers"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    limits = ("--socket-events-per-second", "100000", "--socket-events-burst", "100000")
    with ServerProcess(folder / "data", "--workers", request.param, *limits) as running:
        yield running


@asynccontextmanager
async def joined(server: ServerProcess, token: str, config: dict[str, Any]) -> AsyncIterator[SocketClient]:
    async with SocketClient(server.url, token) as client:
        await client.join(TOPIC, config=config)
        yield client


async def keep(client: SocketClient, number: int) -> str:
    answer = await client.push(
        TOPIC, "broadcast", type="broadcast", event="said", payload={"n": number}, persist={"ttl": 3_600}
    )
    return answer["id"]


async def replayed(server: ServerProcess, token: str) -> list[str]:
    """The ids that a join has replayed."""
    async with joined(server, token, REPLAYED) as client:
        await client.push("phoenix", "heartbeat")  # answered after all that the join has written
        return [payload["meta"]["id"] for _, event, payload in client.events if event == "broadcast"]


async def talk_until_killed(client: SocketClient, acknowledged: list[str], enough: asyncio.Event) -> None:
    """Keep one broadcast after another until the line is cut."""
    try:
        for number in range(10_000):
            acknowledged.append(await keep(client, number))
            if len(acknowledged) >= ENOUGH:
                enough.set()
    except ConnectionError:
        return


async def test_what_was_acknowledged_before_a_kill_is_replayed_after_it(server: ServerProcess) -> None:
    token = server.guest("Ana")["access_token"]
    for _ in range(2):
        before, acknowledged, enough = await replayed(server, token), list[str](), asyncio.Event()
        async with joined(server, token, PRIVATE) as client:
            talking = asyncio.create_task(talk_until_killed(client, acknowledged, enough))
            await enough.wait()
            server.kill()
            await talking
        server.start()
        found = await replayed(server, token)
        expected = [*before, *acknowledged][-24:]  # one more may have been stored, and its answer lost
        assert set(expected) <= set(found)
        assert found == sorted(set(found), key=int)
