"""Two real browsers against a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from e2e.furnish import furnished
from e2e.places import House
from music import make_wav
from servers import ServerProcess
from several import until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP laptop.test 127.0.0.1",
]
"""Chromium as root in a machine without a screen or a way out; autoplay stays as people have it."""

DEMO_S = 180
"""Composing and encoding the demo takes 25 s of CPU here, and a slow machine has other tests to run beside it."""


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
    yield running
    running.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [
        make_wav(folder / "First light.wav", seconds=60, pitch_hz=196),
        make_wav(folder / "Second wind.wav", seconds=50, pitch_hz=247),
        make_wav(folder / "Third rail.wav", seconds=40, pitch_hz=294),
    ]


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server whose demo is composed and encoded, for others to start on a copy of."""
    data = tmp_path_factory.mktemp("demo") / "data"
    with ServerProcess(data, "--demo") as server:
        token = server.token("owner")

        def is_done() -> bool:
            library = server.call("GET", "/v1/library", token=token)
            encodes = library["encodes"]
            return library["tracks"] == 3 and not encodes["waiting"] and not encodes["running"]

        until(is_done, "the demo is not encoded", within_s=DEMO_S)
    return data


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Browser, demo_data: Path) -> Iterator[House]:
    """One server for everything that only looks at pages; nobody changes what others look at."""
    data = shutil.copytree(demo_data, tmp_path_factory.mktemp("house") / "data")
    with ServerProcess(data, "--demo") as running:
        yield furnished(running, browser)
