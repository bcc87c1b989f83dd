"""docs/how-to/supabase-clients.md is copied and pasted: its JavaScript and its Python run as they stand there."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from public_clients import DEADLINE_S, FOLDER, NODE, PYTHON_PACKAGES, Drivers
from servers import ServerProcess

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "supabase-clients.md"


def program(language: str, containing: str, server: ServerProcess, key: str) -> str:
    """The page's program for `language`, with this server's address and a key in their places."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [found] = [block for block in blocks if containing in block]
    return found.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}").replace("KEY", key)


def printed_key(server: ServerProcess) -> str:
    """What `whatssound key` prints, as the page has it."""
    command = [sys.executable, "-m", "whatssound", "key", "--data", server.data]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout.strip()


@contextlib.asynccontextmanager
async def running(*command: str | Path, **environment: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


async def prints(output: asyncio.StreamReader, words: str) -> None:
    """Wait for a line with `words`."""
    async with asyncio.timeout(DEADLINE_S):
        while words not in (line := (await output.readline()).decode()):
            assert line, f"ended without {words!r}"


async def test_the_programs_of_the_page_hear_each_other(tmp_path: Path, drivers: Drivers) -> None:
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    with ServerProcess(tmp_path / "data") as server:
        key = printed_key(server)
        for name, language, containing in (
            ("supabase.mjs", "js", "createClient("),
            ("phoenix.mjs", "js", "new Socket("),
            ("party.py", "python", "AsyncRealtimeClient"),
        ):
            (tmp_path / name).write_text(program(language, containing, server, key))
        async with running(NODE, tmp_path / "supabase.mjs") as supabase:
            await prints(supabase, "heard { from: 'JavaScript' }")
            await prints(supabase, "ok")
            async with running(sys.executable, tmp_path / "party.py", PYTHONPATH=str(PYTHON_PACKAGES)) as python:
                await prints(python, "SUBSCRIBED")
                await prints(supabase, "heard { from: 'Python' }")
                async with running(NODE, tmp_path / "phoenix.mjs"):
                    await prints(supabase, "heard { from: 'Phoenix' }")
                    await prints(python, "heard {'from': 'Phoenix'}")
