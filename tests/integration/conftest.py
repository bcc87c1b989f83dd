"""What the tests of the library share, and those that drive public clients."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import public_clients
from conftest import need
from library_folder import Music
from public_clients import Drivers, PublicClients


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
