"""What one more on a topic costs: CPU of the server per join and track, with many and with few who are present.

A crowd comes all at once, each joins one topic and tracks itself; then some more come one after another. CPU is the
server process's, user and system together, until everybody was told. Were each told of each, ten times as many would
cost ten times as much each. `python bench/presence.py [sizes]`, `make bench F=presence`
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from clients import SocketClient
from crowd.cost import cpu_s, private_bytes, say_load
from joins import IN_FLIGHT, UPGRADE, masked
from servers import ServerProcess

SIZES = (1_000, 3_000, 10_000)
MORE = 200
"""Who come when the others are there, at so many a second."""

MORE_PER_S = 50
PATIENCE_S = 240
QUIET_MS = 15.0
"""CPU in half a second below which nothing goes on any more."""

TOPIC = "realtime:bench"


class Guest(asyncio.Protocol):
    """Joins, tracks itself, and reads whatever comes. `there` is done when its track was answered."""

    def __init__(self, token: str, number: int) -> None:
        config = {"presence": {"key": f"guest-{number}", "enabled": True}}
        join = ["1", "1", TOPIC, "phx_join", {"config": config, "access_token": token}]
        meta = {"name": f"Guest {number}", "mood": "dancing", "online_at": "2026-01-01T00:00:00.000Z"}
        track = ["1", "2", TOPIC, "presence", {"type": "presence", "event": "track", "payload": meta}]
        self._frames = b"".join(masked(msgspec.json.encode(frame)) for frame in (join, track))
        self._end = b""
        self._upgraded = False
        self.there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.read_bytes = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        self.read_bytes += len(data)
        if not self._upgraded:
            self._upgraded = b"\r\n\r\n" in data
            self.transport.write(self._frames)
        elif not self.there.done():
            read = self._end + data
            if b'["1","2",' in read:
                self.there.set_result(None)
            self._end = read[-16:]

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.there.done():
            self.there.set_exception(ConnectionError("sent away"))


async def guests(port: int, token: str) -> None:
    """The crowd's process: does what each line of its input says, and answers with a line."""
    loop, gate, held = asyncio.get_running_loop(), asyncio.Semaphore(IN_FLIGHT), list[Guest]()

    async def come(number: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        async with gate:
            guest = Guest(token, number)
            await loop.create_connection(lambda: guest, "127.0.0.1", port)
            held.append(guest)
            await asyncio.wait_for(guest.there, PATIENCE_S)

    while line := await asyncio.to_thread(sys.stdin.readline):
        count, per_s = json.loads(line)
        first = len(held)
        await asyncio.gather(*(come(first + n, n / per_s if per_s else 0.0) for n in range(count)))
        print(json.dumps({"there": len(held), "read_bytes": sum(guest.read_bytes for guest in held)}), flush=True)


class Crowd:
    """The crowd as the bench sees it."""

    def __init__(self, stack: ExitStack, port: int, token: str) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, __file__, "--guests", str(port), token],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self._process.kill)

    async def come(self, count: int, per_s: int = 0) -> dict[str, int]:
        """So many come and are present."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([count, per_s]) + "\n")
        self._process.stdin.flush()
        return json.loads(await asyncio.to_thread(self._process.stdout.readline))


async def told(watcher: SocketClient, count: int) -> None:
    """Return once a client that was there from the start was told of all."""
    shown: set[str] = set()

    def is_all(name: str, payload: dict[str, Any]) -> bool:
        if name == "broadcast":
            return payload["payload"]["count"] == count
        shown.update(payload.get("joins", ()))
        return len(shown) == count

    async with asyncio.timeout(PATIENCE_S):
        while not any(is_all(name, payload) for _, name, payload in watcher.events):
            await asyncio.sleep(0.05)
            shown.clear()


async def quiet(pid: int) -> float:
    """The server's CPU once it does nothing any more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            before = cpu_s(pid)
            await asyncio.sleep(0.5)
            if (cpu_s(pid) - before) * 1_000 < QUIET_MS:
                return before


async def measured(size: int) -> float:
    """Print what a join costs among `size`, and when as many are there; answers the former, ms."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(
            ServerProcess(Path(folder) / "data", "--upgrades-per-second", "100000", "--upgrades-burst", "100000")
        )
        token = server.token("anon")
        crowd = Crowd(stack, server.port, token)
        async with SocketClient(server.url, token) as watcher:
            await watcher.join(TOPIC)
            before, began_s = await quiet(server.pid), time.monotonic()
            came = await crowd.come(size)
            took_s = time.monotonic() - began_s
            await told(watcher, size)
            there = await quiet(server.pid)
            memory_kb = private_bytes(server.pid) / 1024
            more = await crowd.come(MORE, MORE_PER_S)
            await told(watcher, size + MORE)
            end = await quiet(server.pid)
        join_ms, more_ms = (there - before) * 1_000 / size, (end - there) * 1_000 / MORE
        print(
            f"{size:>6} at once: CPU {join_ms:6.2f} ms each (all there after {took_s:.1f} s, "
            f"{came['read_bytes'] / size / 1024:,.0f} KB read each, {memory_kb / 1024:.0f} MiB)   "
            f"{MORE} more at {MORE_PER_S} a second: CPU {more_ms:6.2f} ms each   "
            f"({(more['read_bytes'] - came['read_bytes']) / MORE / 1024:,.0f} KB)   load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        return join_ms


async def main(sizes: tuple[int, ...]) -> None:
    """Each size with a server of its own."""
    say_load()
    costs = [await measured(size) for size in sizes]
    for size, cost in zip(sizes[1:], costs[1:], strict=True):
        beside, times = cost / costs[0], size / sizes[0]
        print(f"{size:>6} beside {sizes[0]}: x{beside:.2f} a join (if each were told of each: x{times:.0f})")
    say_load()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--guests"]:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        uvloop.run(guests(int(sys.argv[2]), sys.argv[3]))
    else:
        asyncio.run(main(tuple(map(int, sys.argv[1:])) or SIZES))
