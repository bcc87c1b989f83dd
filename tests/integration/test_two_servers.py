"""Two servers on one bus, for example on two hosts: their processes have the same names, and are not mistaken."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from nats_rig import one_server
from servers import ServerProcess
from several import figures, until
from whatssound.adapters.memory import MemoryBus
from whatssound.adapters.process_metrics import answer_metrics, page_of_all
from whatssound.bus.members import Members
from whatssound.bus.nodes import node_name
from whatssound.gateway.audience import Audience
from whatssound.ids import RoomId
from whatssound.wires import new_server

ROOM = RoomId(7)


def test_each_start_of_a_server_has_a_name_of_its_own() -> None:
    assert len({new_server() for _ in range(100)}) == 100


async def test_processes_of_the_same_name_on_two_servers_are_two_nodes() -> None:
    bus = MemoryBus()
    names = [node_name("owner", new_server()) for _ in range(2)]
    async with AsyncExitStack() as stack:
        here, there = [
            await stack.enter_async_context(Members(bus, name, owns=True, start_ms=start))
            for start, name in enumerate(names)
        ]
        here.ready()
        there.ready()
        assert {beat.node for beat in here.here()} == {beat.node for beat in there.here()} == set(names)
        assert here.ring is not None
        assert set(here.ring.nodes) == set(names)


def test_listeners_on_processes_of_the_same_name_are_counted_together() -> None:
    here, there = (Audience(node_name("gateway-1", new_server())) for _ in range(2))
    here.count(ROOM, 3)
    there.count(ROOM, 4)
    told = there.changes()
    assert told is not None
    assert here.hear(told, 0.0) == {ROOM}
    assert here.listeners(ROOM) == 7


async def test_a_server_shows_the_figures_of_its_own_processes() -> None:
    bus, pages = MemoryBus(), list[bytes]()
    servers = [new_server() for _ in range(2)]
    for number, server in enumerate(servers):
        registry = CollectorRegistry()
        Gauge("number", "Which server's.", registry=registry).set(number)
        answer_metrics(bus, node_name("gateway-1", server), registry)
    for server in servers:
        others = {"gateway-1": node_name("gateway-1", server)}
        pages.append(await page_of_all(CollectorRegistry(), bus, name="owner", others=others))
    for number, page in enumerate(pages):
        assert f'number{{process="gateway-1"}} {number}.0' in page.decode()
        assert 'whatssound_process_answers{process="gateway-1"} 1.0' in page.decode()


@pytest.mark.slow
def test_two_real_servers_on_one_nats_tell_all_their_processes_apart(tmp_path: Path) -> None:
    with one_server(tmp_path / "nats") as nats:
        shared = ("--workers", "2", "--nats", nats.url)
        with ServerProcess(tmp_path / "one", *shared) as one, ServerProcess(tmp_path / "two", *shared) as two:
            all_are_seen(one, two)


def all_are_seen(*servers: ServerProcess) -> None:
    for server in servers:
        until(lambda server=server: figures(server, "whatssound_members_here").get("owner") == 4, "somebody lacks")
        assert figures(server, "whatssound_members_owners")["owner"] == 2
        assert figures(server, "whatssound_process_answers") == {"owner": 1, "gateway-1": 1}
