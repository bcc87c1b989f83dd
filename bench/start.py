"""How long `make run` takes until the page answers: on a fresh clone with empty package caches, and again.

The limits are the product's promises: 90 s and 5 s. Packages come from the registries, so the first figure depends on
the way there. `make bench F=start`
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from rig import show

ROOT = Path(__file__).parents[1]
WARM_RUNS = 5


def until_page(clone: Path, home: Path) -> float:
    """Seconds from `make run` to the first answer; the server is stopped afterwards."""
    port = free_port()
    caches = {"PIP_NO_CACHE_DIR": "1", "npm_config_cache": str(home / "npm"), "XDG_DATA_HOME": str(home / "data")}
    command = ["make", "run", f"ARGS=--demo --port {port}"]
    start_s = time.monotonic()
    said = home.with_name("said")
    with said.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=clone, env={**os.environ, **caches}, stdout=output, stderr=output, start_new_session=True
        )
    while not answers(port):
        if server.poll() is not None:
            raise SystemExit(f"the server did not start:\n{said.read_text()[-2_000:]}")
        time.sleep(0.02)
    took_s = time.monotonic() - start_s
    os.killpg(server.pid, signal.SIGINT)
    server.wait()
    return took_s


def answers(port: int) -> bool:
    """Whether the page is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
            return page.status == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        show("make run to page, nothing cached", [until_page(clone, home)], limit=90, unit="s")
        show("make run to page, again", [until_page(clone, home) for _ in range(WARM_RUNS)], limit=5, unit="s")


if __name__ == "__main__":
    main()
