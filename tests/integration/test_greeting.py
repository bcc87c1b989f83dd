"""What a person sees at the start, and what a script reads."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from servers import ServerProcess
from whatssound.serving.terminal_code import code_lines

pytestmark = pytest.mark.slow

PUBLIC = "https://example.org/music"


def seen_in_a_terminal(tmp_path: Path, *arguments: str) -> str:
    """What a server prints into a terminal until it is ready."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "whatssound", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    process = subprocess.Popen([*command, *arguments], stdout=its, stderr=subprocess.DEVNULL)
    os.close(its)
    seen = b""
    try:
        while b"WhatsSound is ready: " not in seen and (chunk := os.read(ours, 65_536)):
            seen += chunk
    finally:
        process.terminate()
        process.wait(timeout=30)
        os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_shows_the_code_of_the_public_url(tmp_path: Path) -> None:
    seen = seen_in_a_terminal(tmp_path, "--public-url", PUBLIC)
    assert "\n".join(code_lines(PUBLIC)) in seen
    assert f"Open it: {PUBLIC}\n" in seen


def test_a_terminal_shows_no_code_that_nobody_else_can_open(tmp_path: Path) -> None:
    assert "\x1b[48" not in seen_in_a_terminal(tmp_path)


def test_a_script_gets_no_code(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--public-url", PUBLIC) as server:
        assert "\x1b" not in server.said
        assert server.said.splitlines()[-1] == f"WhatsSound is ready: http://127.0.0.1:{server.port}"
