"""What the tests of rooms share, those of the library, and those that drive public clients."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import public_clients
from conftest import need
from library_folder import Music
from public_clients import Drivers, PublicClients
from room_builders import ManualClock
from room_house import House, house
from servers import ServerProcess

_numbers = itertools.count(1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def at(tmp_path: Path, clock: ManualClock) -> AsyncIterator[House]:
    """Rooms as the app wires them, at a time that only the test moves."""
    async with house(tmp_path, clock) as at:
        yield at


@pytest.fixture(scope="session")
def music(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Music:
    return Music(ffmpeg, tmp_path_factory.mktemp("stock"))


@pytest.fixture(scope="session")
def drivers() -> Iterator[Drivers]:
    need("clients", public_clients.installed(), "run `bash tests/supabase/install`")
    with public_clients.running_drivers() as running:
        yield running


@pytest.fixture
async def clients(drivers: Drivers) -> AsyncIterator[PublicClients]:
    """Makes public clients (see tests/public_clients.py)."""
    async with public_clients.public_clients(drivers) as made:
        yield made


@pytest.fixture(scope="module", params=["1", "2"], ids=["alone", "2 workers"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder / "data", "--workers", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    return server.token("anon")


@pytest.fixture
def topic() -> str:
    """A room that no other test is in."""
    return f"lobby {next(_numbers)}"
