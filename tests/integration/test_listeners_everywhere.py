"""Who hears a room, over all processes of a server, while people come and go and a process is lost."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from clients import SocketClient
from servers import ServerProcess
from several import DEADLINE_S, PROCESSES, WORKERS, descendants, figures, one_on_each, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("everywhere") / "data", *WORKERS) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> str:
    return server.token("owner")


@pytest.fixture
def room(server: ServerProcess, owner: str) -> str:
    return server.call("POST", "/v1/rooms", {"title": "Everywhere"}, token=owner)["room"]["id"]


def listeners(server: ServerProcess, token: str, room: str, query: str = "") -> dict[str, Any]:
    return server.call("GET", f"/v1/rooms/{room}/listeners{query}", token=token)


def names(page: dict[str, Any]) -> set[str]:
    return {person["name"] for person in page["people"]}


async def test_people_of_all_processes_are_counted_and_named(server: ServerProcess, owner: str, room: str) -> None:
    guests = {process: server.guest(process) for process in PROCESSES}
    people = {guest["user"]["name"] for guest in guests.values()}
    async with one_on_each(server, {process: guest["access_token"] for process, guest in guests.items()}) as clients:
        for process, client in clients.items():
            await client.join(f"room:{room}" if process == "owner" else f"realtime:room:{room}")

        def all_are_there() -> bool:
            page = listeners(server, owner, room)
            return page["count"] == 3 and names(page) == people

        until(all_are_there, "somebody is missing")
        first = listeners(server, owner, room, "?limit=2")
        rest = listeners(server, owner, room, f"?limit=2&after={first['next']}")
        ids = [int(person["id"]) for person in first["people"] + rest["people"]]
        assert ids == sorted(int(guest["user"]["id"]) for guest in guests.values())
        assert "next" not in rest
        # The same person and somebody who only reads, on another process.
        again = SocketClient(server.url, guests["owner"]["access_token"])
        reader = SocketClient(server.url, server.token("anon"))
        async with again, reader:
            await again.join(f"room:{room}")
            await reader.join(f"room:{room}")
            until(lambda: listeners(server, owner, room)["count"] == 5, "not everybody is counted")
            assert names(listeners(server, owner, room)) == people
        until(lambda: listeners(server, owner, room)["count"] == 3, "who left is counted")
        await clients["gateway-1"].push(f"realtime:room:{room}", "phx_leave")
        until(lambda: listeners(server, owner, room)["count"] == 2, "who left is counted")
        assert names(listeners(server, owner, room)) == people - {guests["gateway-1"]["user"]["name"]}


async def test_the_people_of_a_process_that_is_lost_are_gone(server: ServerProcess, owner: str, room: str) -> None:
    guests = {process: server.guest(process) for process in PROCESSES}
    tokens = {process: guest["access_token"] for process, guest in guests.items()}
    async with one_on_each(server, tokens) as clients:
        for client in clients.values():
            await client.join(f"room:{room}")
        until(lambda: listeners(server, owner, room)["count"] == 3, "somebody is missing")
        lost = next(pid for name, pid in descendants(server.pid).items() if name.startswith("gateway"))
        os.kill(lost, signal.SIGKILL)
        leaving = {asyncio.create_task(client.lost()): process for process, client in clients.items()}
        gone, _ = await asyncio.wait(leaving, timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        until(lambda: listeners(server, owner, room)["count"] == 2, "the lost one is counted")
        there = {guests[process]["user"]["name"] for task, process in leaving.items() if task not in gone}
        assert len(there) == 2
        assert names(listeners(server, owner, room)) == there
    until(lambda: set(figures(server, "whatssound_process_answers").values()) == {1.0}, "it is not started again")
