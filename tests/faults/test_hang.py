"""SIGSTOP of processes that never go on: the supervisor kills them, and everybody is somewhere else."""

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from faults.test_kill_a_process import until_ready_again
from servers import ServerProcess
from several import PROCESSES, WORKERS, alive, descendants, figures, one_on_each, until

pytestmark = pytest.mark.slow


def hanging(server: ServerProcess) -> dict[str, int]:
    """The owner process and a gateway process, stopped; their process ids by kind."""
    family = descendants(server.pid)
    some = {
        "owner": family["owner"],
        "gateway": next(pid for name, pid in family.items() if name.startswith("gateway")),
    }
    for pid in some.values():
        os.kill(pid, signal.SIGSTOP)
    return some


async def test_processes_that_hang_are_killed_and_started_again_and_their_listeners_resume(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS, "--hang-s", "2") as server:
        owner = server.token("owner")
        topic = f"room:{server.call('POST', '/v1/rooms', {'title': 'Fault room'}, token=owner)['room']['id']}"
        async with one_on_each(server, dict.fromkeys(PROCESSES, owner)) as clients:
            [epoch] = {(await client.join(topic))["position"]["epoch"] for client in clients.values()}
            first = await clients["owner"].push(topic, "chat:send", text="anybody there?", nonce="first")
            heard = [await client.event("chat") for client in clients.values()]
            assert {event["id"] for event in heard} == {first["id"]}
            at = {"epoch": epoch, "seq": heard[0]["seq"], "key": heard[0]["key"]}
            hung = hanging(server)
            await asyncio.to_thread(until, lambda: not any(map(alive, hung.values())), "they hang and nobody minds")
            await asyncio.to_thread(until_ready_again, server)
            lost = [process for process, client in clients.items() if client.closed_with is not None]
            assert "owner" in lost
            assert len(lost) == 2
            for process in lost:
                await clients[process].connect()
                assert "reset" not in await clients[process].join(topic, after=at)
            said = await clients["owner"].push(topic, "chat:send", text="everybody there?", nonce="n")
            for client in clients.values():
                await client.event("chat", where=lambda payload: payload["id"] == said["id"])
        assert figures(server, "whatssound_processes_hung") == {"owner": 2}
        assert figures(server, "whatssound_processes_restarted") == {"owner": 2}
        killed = re.findall('"process": "(owner|gateway)[^}]*a process does not answer', server.errors.read_text())
        assert sorted(killed) == ["gateway", "owner"]
