"""What tests of several processes share: which processes there are, and clients on each of them."""

import contextlib
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from clients import SocketClient
from servers import ServerProcess

PROCESSES = ("owner", "gateway-1", "gateway-2")
WORKERS = ("--workers", "3")

DEADLINE_S = 30
MOST_TRIES = 60
"""Connections are spread by a hash: that one of three processes gets none of 60 happens once in 10^10 times."""


def until(holds: object, what: str, *, within_s: float = DEADLINE_S) -> None:
    """Return as soon as `holds()`."""
    end = time.monotonic() + within_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.01)


def figures(server: ServerProcess, name: str) -> dict[str, float]:
    """What each process says of one figure; one that is alone is the owner."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    found = re.findall(rf'^{name}(?:{{(?:.*,)?process="([^"]+)".*}})? (\S+)$', page, re.MULTILINE)
    return {process or PROCESSES[0]: float(value) for process, value in found}


def descendants(pid: int) -> dict[str, int]:
    """The server's own processes by name, nats-server included, and their process ids."""
    found: dict[str, int] = {}
    for child in children(pid):
        arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"whatssound.serving.owner_process" in arguments:
            found["owner"] = child
        elif b"whatssound.serving.gateway_process" in arguments:
            found[f"gateway of {child}"] = child
        elif arguments[0].endswith(b"nats-server"):
            found["nats"] = child
    return found


def children(pid: int) -> Iterator[int]:
    """The processes that this one started."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from (int(child) for child in (task / "children").read_text().split())


def alive(pid: int) -> bool:
    """Whether the process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.asynccontextmanager
async def one_on_each(server: ServerProcess, tokens: dict[str, str]) -> AsyncIterator[dict[str, SocketClient]]:
    """A connected client on each process; `tokens` by process."""
    found: dict[str, SocketClient] = {}
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MOST_TRIES):
            before = figures(server, "whatssound_sockets")
            client = SocketClient(server.url)
            await client.connect()
            after = figures(server, "whatssound_sockets")
            [process] = [name for name in after if after[name] > before[name]]
            if process in found:
                await client.close()
                continue
            client.token = tokens[process]
            stack.push_async_callback(client.close)
            found[process] = client
            if len(found) == len(PROCESSES):
                break
        assert set(found) == set(PROCESSES)
        yield found
