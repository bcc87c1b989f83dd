"""A server that is asked to stop: it says so, sends listeners away a few at a time, and answers HTTP meanwhile."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from clients import SocketClient
from gateway_server import connected
from servers import ServerProcess
from whatssound.wire.hints import hint_ms

CROWD = 200
"""Over more than 200 steps of 50 ms: long enough to look at a drain from all sides before a second signal."""


async def until_not_ready(client: httpx.AsyncClient) -> httpx.Response:
    """The first answer of /readyz that is not 200."""
    async with asyncio.timeout(20):
        while (answer := await client.get("/readyz")).status_code == 200:
            pass
    return answer


async def test_a_stop_takes_its_time_over_listeners_until_a_second_signal(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--drain-s", "3600") as server:
        async with AsyncExitStack() as stack, httpx.AsyncClient(base_url=server.url) as http:
            crowd = [await stack.enter_async_context(SocketClient(server.url)) for _ in range(CROWD)]
            os.kill(server.pid, signal.SIGTERM)
            answer = await until_not_ready(http)
            assert answer.status_code == 503
            assert answer.json()["details"]["reasons"] == ["it is stopping"]
            assert any(client.closed_with is None for client in crowd)
            assert (await http.get("/v1/server", headers={"Connection": "close"})).status_code == 200
            with pytest.raises(InvalidStatus) as refused:
                async with connected(server.port):
                    pass
            assert refused.value.response.status_code == 503
            assert any(client.closed_with is None for client in crowd)
            status = asyncio.create_task(asyncio.to_thread(server.stop))
            await asyncio.gather(*(client.lost() for client in crowd))
            assert await status == 0
        assert {(client.closed_with or (0, ""))[0] for client in crowd} == {1012}
        assert all(hint_ms((client.closed_with or (0, ""))[1]) for client in crowd)
