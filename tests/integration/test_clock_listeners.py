"""Listeners on processes whose wall clocks are wrong hear one server time, over real sockets."""

import asyncio
import contextlib
import http.client
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from itertools import combinations
from pathlib import Path

import pytest

from faults.test_kill_during_chat import NO_LIMITS
from servers import ApiProblem, ServerProcess
from several import MOST_TRIES, PROCESSES, WORKERS, descendants, figures
from whatssound.client import Client, Offline, Room, connect
from whatssound.client.clock import ClockFilter
from whatssound.wire.clock import Exchange

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AGREE_MS = 5.0

SURE_MS = 2.0
"""A listener asks until it knows the time so well by its own account: on a busy machine many questions are slow."""

PATIENCE_S = 60
HOUR_MS = 3_600_000.0


class WallClocks:
    """What the server's processes see on the wall, by how many ms it is ahead (see `wrong_clocks/sitecustomize.py`)."""

    def __init__(self, folder: Path, **lives: float) -> None:
        """`lives`: owner_0 is the first life of the owner process, gateway_0 that of whichever gateway comes first."""
        self.folder = folder
        folder.mkdir()
        for life, ahead_ms in lives.items():
            (folder / life.replace("_", ".")).write_text(str(ahead_ms))

    @property
    def environment(self) -> dict[str, str]:
        """What the server must be started with."""
        first = str(Path(__file__).parents[1] / "wrong_clocks")
        return {"WRONG_CLOCKS": str(self.folder), "PYTHONPATH": os.pathsep.join([first, *sys.path])}

    def shown(self, server: ServerProcess) -> dict[str, float]:
        """By how much each process's clock is ahead now, by the names that `descendants` gives them."""
        return {
            name: float((self.folder / str(pid)).read_text())
            for name, pid in descendants(server.pid).items()
            if name != "nats"
        }

    def step(self, server: ServerProcess, by_ms: Mapping[str, float]) -> None:
        """Somebody turns the clocks of these processes."""
        for name, ahead_ms in self.shown(server).items():
            stepped = self.folder / "stepped"
            stepped.write_text(str(ahead_ms + by_ms.get(name, 0.0)))
            stepped.rename(self.folder / str(descendants(server.pid)[name]))


class Listener:
    """One connected client of the SDK, in a room; remembers what its server said last."""

    def __init__(self, client: Client, room: Room) -> None:
        self.client = client
        self.room = room
        self.exchanges = 0
        self._said_ms = 0.0

    async def ahead_ms(self) -> float:
        """By how much server time is ahead of this machine's monotonic clock, by exchanges made now, as the SDK does.

        Fails when the server's time runs backwards meanwhile, or when it was never told well enough.
        """
        believed = ClockFilter()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(Offline):
                    await self._ask(believed)
                now_ms = monotonic_ms()
                doubt_ms, ahead_ms = believed.doubt_ms(now_ms), believed.offset_ms(now_ms)
                if doubt_ms is not None and ahead_ms is not None and doubt_ms < SURE_MS:
                    return ahead_ms

    async def sdk_ahead_ms(self) -> float:
        """The same by what the client has found out by itself, without being asked."""
        async with asyncio.timeout(PATIENCE_S):
            while (self.client.clock_doubt_ms() or AGREE_MS) >= SURE_MS:
                await self.ahead_ms()  # its own questions go over the same socket
        return self.client.server_now_ms() - monotonic_ms()

    async def _ask(self, believed: ClockFilter) -> None:
        sent_ms = monotonic_ms()
        answer = await self.room.clock(sent_ms)
        if answer is None:  # between two connections
            return
        believed.add(Exchange(answer.t1, answer.t2, answer.t3, monotonic_ms(), answer.err_ms))
        assert self._said_ms <= answer.t2 <= answer.t3, "server time ran backwards"
        self._said_ms = answer.t3
        self.exchanges += 1


def monotonic_ms() -> float:
    return time.monotonic() * 1_000


@contextlib.asynccontextmanager
async def a_listener_on_each(server: ServerProcess) -> AsyncIterator[dict[str, Listener]]:
    """By process, all in one room."""
    found: dict[str, Listener] = {}
    token = server.token("owner")
    room = server.call("POST", "/v1/rooms", {"title": "One time"}, token=token)["room"]["id"]
    async with AsyncExitStack() as stack:
        for _ in range(MOST_TRIES):
            before = figures(server, "whatssound_sockets")
            client = await stack.enter_async_context(connect(server.url, token=token))
            after = figures(server, "whatssound_sockets")
            [process] = [name for name in after if after[name] > before[name]]
            if process not in found:
                found[process] = Listener(client, await stack.enter_async_context(client.join(room)))
            if len(found) == len(PROCESSES):
                break
        assert set(found) == set(PROCESSES)
        yield found


async def agreed(listeners: Mapping[str, Listener]) -> dict[str, float]:
    """How far server time is ahead for each; fails where two do not agree."""
    told = dict(zip(listeners, await asyncio.gather(*(each.ahead_ms() for each in listeners.values())), strict=True))
    assert all(abs(told[one] - told[two]) <= AGREE_MS for one, two in combinations(told, 2)), told
    return told


def stayed(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether nobody's time moved, against the machine's own."""
    return all(abs(after[name] - before[name]) <= AGREE_MS for name in after)


async def back_again(server: ServerProcess) -> bool:
    """Whether the owner process answers and has found the others."""
    try:
        return await asyncio.to_thread(server.call, "GET", "/readyz") == {"status": "ready"}
    except (ApiProblem, OSError, http.client.HTTPException):
        return False


@pytest.fixture
def clocks(tmp_path: Path) -> WallClocks:
    return WallClocks(tmp_path / "clocks", owner_0=300, gateway_0=-300, gateway_1=0, owner_1=-7_000)


@pytest.fixture
def server(tmp_path: Path, clocks: WallClocks) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", *WORKERS, environment={**NO_LIMITS, **clocks.environment}) as running:
        yield running


async def test_listeners_of_all_processes_agree_also_after_steps_and_the_death_of_the_reference(
    server: ServerProcess, clocks: WallClocks
) -> None:
    assert sorted(clocks.shown(server).values()) == [-300, 0, 300]
    assert [name for name, leads in figures(server, "whatssound_clock_leads").items() if leads] == ["owner"]
    async with a_listener_on_each(server) as listeners:
        first = await agreed(listeners)
        assert first["owner"] == pytest.approx(300 + (time.time() - time.monotonic()) * 1_000, abs=100)
        by_themselves = [await each.sdk_ahead_ms() for each in listeners.values()]
        assert max(by_themselves) - min(by_themselves) <= AGREE_MS

        clocks.step(server, {name: HOUR_MS for name in clocks.shown(server) if name != "owner"})
        assert stayed(first, await agreed(listeners))
        clocks.step(server, {"owner": -HOUR_MS})
        assert stayed(first, await agreed(listeners))

        os.kill(descendants(server.pid)["owner"], signal.SIGKILL)
        elsewhere = {name: each for name, each in listeners.items() if name != "owner"}
        while not await back_again(server):
            assert stayed(first, await agreed(elsewhere))
        assert clocks.shown(server)["owner"] == -7_000
        assert [name for name, leads in figures(server, "whatssound_clock_leads").items() if leads] == ["owner"]
        assert stayed(first, await agreed(listeners)), "also whose socket died with the reference"
        assert all(each.room.statistics().joins == 1 for each in elsewhere.values())
        assert listeners["owner"].room.statistics().joins == 2
