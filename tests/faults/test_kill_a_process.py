"""SIGKILL of one process of several while everybody talks: nothing acknowledged is lost, nobody misses anything."""

import asyncio
import contextlib
import http.client
import os
import signal
import sqlite3
import urllib.error
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from clients import SocketClient
from faults.checker import ClientLog, broken_promises
from faults.restless import Restless
from faults.test_kill_during_chat import NO_LIMITS, whole_history
from servers import ApiProblem, ServerProcess
from several import WORKERS, alive, descendants, figures, until

pytestmark = pytest.mark.slow

TALKERS = 9
AFTERWARDS = 20
"""What everybody says after each kill before the next."""


class Talk:
    """Everybody in one room of one server."""

    def __init__(self, server: ServerProcess, room: str, owner: str) -> None:
        self.server = server
        self.room = room
        self.owner = owner
        self.people = [
            Restless(server, room, ClientLog(name), SocketClient(server.url, server.guest(name)["access_token"]))
            for name in (f"sender {n}" for n in range(TALKERS))
        ]

    async def everybody_said(self, more: int) -> None:
        """Return once everybody has said so many more."""
        goals = [person.said + more for person in self.people]
        async with asyncio.timeout(90):
            for person, goal in zip(self.people, goals, strict=True):
                while person.said < goal:
                    person.progress.clear()
                    await person.progress.wait()

    def promises(self) -> list[str]:
        """The broken ones."""
        for person in self.people:
            person.log.messages = sorted(person.shown)
        return broken_promises(
            [person.log for person in self.people], whole_history(self.server, self.room, self.owner)
        )


@contextlib.asynccontextmanager
async def talking(data: Path) -> AsyncIterator[Talk]:
    """Everybody talks within; at the end all have heard all."""
    with ServerProcess(data, *WORKERS, environment=NO_LIMITS) as server:
        owner = server.token("owner")
        room = server.call("POST", "/v1/rooms", {"title": "Fault room"}, token=owner)["room"]["id"]
        talk = Talk(server, room, owner)
        async with contextlib.AsyncExitStack() as stack:
            for person in talk.people:
                stack.push_async_callback(person.client.close)
                await person.enter()
            tasks = [asyncio.create_task(person.talk()) for person in talk.people]
            yield talk
            for person in talk.people:
                person.hush()
            await asyncio.gather(*tasks)
            await all_heard(talk)
            assert talk.promises() == []


async def all_heard(talk: Talk) -> None:
    """One last message that everybody hears, also who lost the connection without noticing."""
    await talk.people[0].say("the end")
    for person in talk.people:
        while "the end says something" not in person.shown.values():
            with contextlib.suppress(AssertionError, TimeoutError):
                await person.client.event("chat", where=lambda payload: payload.get("nonce") == "the end")
            person.read_events()
            if person.client.closed_with is not None:
                await person.come_back()


def shot(server: ServerProcess, which: Callable[[str], bool]) -> int:
    """Kill one process without a word; its id."""
    pid = next(pid for name, pid in descendants(server.pid).items() if which(name))
    os.kill(pid, signal.SIGKILL)
    return pid


def until_complete(server: ServerProcess) -> None:
    """Return once every process is there again."""
    until(lambda: server.call("GET", "/readyz") == {"status": "ready"}, "a process is missing")


async def test_a_killed_gateway_process_loses_nothing_and_its_clients_resume(tmp_path: Path) -> None:
    async with talking(tmp_path / "data") as talk:
        for _ in range(4):
            await talk.everybody_said(AFTERWARDS)
            shot(talk.server, lambda name: name.startswith("gateway"))
            await talk.everybody_said(AFTERWARDS)
            await asyncio.to_thread(until_complete, talk.server)
        lost = sum(person.losses for person in talk.people)
        resets = sum(step[0] == "reset" for person in talk.people for step in person.log.steps)
        assert lost > 0
        assert resets == TALKERS, "whoever lost their process resumes without a reset"


async def test_a_killed_owner_process_loses_nothing_and_clients_elsewhere_stay(tmp_path: Path) -> None:
    async with talking(tmp_path / "data") as talk:
        for _ in range(3):
            await talk.everybody_said(AFTERWARDS)
            before = {id(person): person.losses for person in talk.people}
            held = sum(figures(talk.server, "whatssound_sockets").get(f"gateway-{n}", 0) for n in (1, 2))
            shot(talk.server, lambda name: name == "owner")
            await talk.everybody_said(AFTERWARDS)
            await asyncio.to_thread(until_ready_again, talk.server)
            stayed = sum(person.losses == before[id(person)] for person in talk.people)
            assert stayed >= held, "sockets of other processes stay connected"
        assert sum(person.refusals for person in talk.people) > 0, "somebody must have been told to try again"


def until_ready_again(server: ServerProcess) -> None:
    """Return once the owner process answers and has found the others."""

    def complete() -> bool:
        try:
            return server.call("GET", "/readyz") == {"status": "ready"}
        except (ApiProblem, OSError, http.client.HTTPException):
            return False

    until(complete, "the owner process does not come back")


def test_http_says_try_again_while_the_owner_process_is_away(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS) as server:
        killed = shot(server, lambda name: name == "owner")
        until(lambda: not alive(killed), "it is not dead")
        seen: list[ApiProblem] = []

        def answers() -> bool:
            try:
                return server.call("GET", "/healthz") == {"status": "ok"}
            except ApiProblem as problem:
                seen.append(problem)
            except (ConnectionError, http.client.HTTPException, urllib.error.URLError):
                pass  # it was handed over when the owner died
            return False

        until(answers, "the owner process does not come back")
        assert {(problem.status, problem.body["code"], problem.retry_after) for problem in seen} == {
            (503, "unavailable", "1")
        }
        assert "Traceback" not in server.errors.read_text()


async def test_a_killed_nats_server_loses_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path / "data") as talk:
        for _ in range(3):
            await talk.everybody_said(AFTERWARDS)
            shot(talk.server, lambda name: name == "nats")
            await talk.everybody_said(AFTERWARDS)
        assert sum(person.losses for person in talk.people) == 0, "no socket depends on it"


async def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, *WORKERS) as server:
        family = descendants(server.pid)
        assert len(family) == 4
        server.kill()
        until(lambda: not any(alive(pid) for pid in family.values()), "a process outlived the supervisor")
        server.start()
        assert server.call("GET", "/readyz") == {"status": "ready"}
    database = sqlite3.connect(data / "whatssound.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_nor_does_a_process_that_has_just_been_started_and_would_hold_the_port(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS) as server:
        family = set(descendants(server.pid).values())
        shot(server, lambda name: name.startswith("gateway"))
        until(lambda: set(descendants(server.pid).values()) - family, "it is not started again")
        [new] = set(descendants(server.pid).values()) - family
        os.kill(new, signal.SIGSTOP)  # at its imports, mostly
        try:
            server.kill()
            until(lambda: not alive(new), "a process outlived the supervisor")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(new, signal.SIGKILL)
