"""A process that has no place left says so, and another one takes who comes again."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from gateway_server import connected
from servers import ServerProcess

pytestmark = pytest.mark.slow

OPEN_FILES = 300
PLACES = 150
"""Half of so few open files; of the usual many, all but a thousand."""

FEW_FILES = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({OPEN_FILES}, {OPEN_FILES}))
from whatssound.cli import main
main()
"""


async def test_who_comes_to_a_full_process_is_told_when_to_come_again_and_finds_another(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--workers", "2")
    server.program = ("-c", FEW_FILES)
    with server:
        async with AsyncExitStack() as inside:
            for _ in range(2 * PLACES):
                await come(server.port, inside)
            # Now there is no place anywhere: over and over the answer is the same, and HTTP goes on.
            for _ in range(20):
                with pytest.raises(InvalidStatus) as refused:
                    await inside.enter_async_context(connected(server.port))
                assert_is_told_when(refused.value)
            assert await asyncio.to_thread(server.call, "GET", "/readyz") == {"status": "ready"}


async def come(port: int, inside: AsyncExitStack) -> None:
    """Enter by a new connection as often as it takes: each comes to a process by chance."""
    for _ in range(200):
        try:
            await inside.enter_async_context(connected(port))
        except InvalidStatus as refused:
            assert_is_told_when(refused)
        else:
            return
    pytest.fail("no process had a place")


def assert_is_told_when(refused: InvalidStatus) -> None:
    assert refused.response.status_code == 503
    assert refused.response.headers["retry-after"]
    answer = json.loads(refused.response.body or b"")
    assert answer["code"] == "overloaded"
    assert "full" in answer["message"]
