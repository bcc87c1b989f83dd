"""The wheel carries everything: an empty environment without Node serves the page."""

import os
import re
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ANNOUNCED = re.compile(r"WhatsSound is ready: (http://\S+)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a stranger would build it: from a copy of what is committed, without any Node on the path."""
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, env={**os.environ, "PATH": "/usr/bin:/bin"})
    (built,) = folder.glob("whatssound-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `whatssound` command in an environment that holds only the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=True)
    constraints = str(ROOT / "constraints.txt")
    subprocess.run(
        # Not compiled: most of what is installed is never imported here, and compiling it takes longer than the rest.
        [str(folder / "bin" / "pip"), "install", "--quiet", "--no-compile", "--constraint", constraints, str(wheel)],
        check=True,
    )
    return folder / "bin" / "whatssound"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_installed_wheel_serves_the_page_without_node(installed: Path, tmp_path: Path) -> None:
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path), "LANG": os.environ.get("LANG", "C.UTF-8")}
    server = subprocess.Popen(
        [str(installed), "serve", "--port", "0", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=bare,
    )
    try:
        assert server.stdout is not None
        announced = next((found for line in server.stdout if (found := ANNOUNCED.search(line))), None)
        assert announced is not None, server.communicate()[1]
        address = announced.group(1)
        page = fetch(address).decode()
        scripts = re.findall(r'src="\./(assets/[^"]+\.js)"', page)
        assert scripts, page
        assert fetch(f"{address}/{scripts[0]}")
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read()
