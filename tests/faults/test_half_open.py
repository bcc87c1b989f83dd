"""Listeners that vanish without a word: the server notices within the idle timeout and keeps nothing of them."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from clients import SocketClient
from servers import ServerProcess

pytestmark = pytest.mark.slow

CROWD = 40


@contextmanager
def frozen_crowd(server: ServerProcess, topic: str) -> Iterator[None]:
    """Listeners in a process of their own that is stopped once all have joined, and killed at the end."""
    script = str(Path(__file__).with_name("crowd.py"))
    command = [sys.executable, script, server.url, server.token("anon"), topic, str(CROWD)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "joined\n"
            process.send_signal(signal.SIGSTOP)
            yield
        finally:
            process.kill()


async def figure(http: httpx.AsyncClient, name: str) -> float:
    """What /metrics says of `name`, added up over its labels."""
    text = (await http.get("/metrics")).text
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


async def test_sockets_of_a_frozen_computer_are_closed_and_forgotten_while_others_listen_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--idle-timeout-s", "8") as server:
        owner = server.token("owner")
        topic = f"room:{server.call('POST', '/v1/rooms', {'title': 'Half open'}, token=owner)['room']['id']}"
        async with httpx.AsyncClient(base_url=server.url) as http:
            with frozen_crowd(server, topic):
                async with SocketClient(server.url, owner) as alive:
                    await alive.join(topic)
                    assert await figure(http, "whatssound_channels") == CROWD + 1
                    await alive.event("listeners", where=lambda payload: payload["count"] == CROWD + 1)
                    async with asyncio.timeout(60):
                        while await figure(http, "whatssound_sockets") > 1:
                            await alive.push(topic, "clock", t1=0)
                            await asyncio.sleep(0.5)
                    assert await figure(http, "whatssound_channels") == 1
                    assert await figure(http, "whatssound_outbox_waiting_bytes") == 0
                    await alive.event("listeners", where=lambda payload: payload["count"] == 1)
                    assert alive.closed_with is None
                assert await figure(http, "whatssound_sockets_closed_total") >= CROWD
