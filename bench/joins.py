"""What a join costs the server: everybody of one room arrives at once, over real sockets, with tokens of their own.

`python bench/joins.py [clients]`. CPU is the server process's, user and system together, per client: the connection,
the upgrade, the token and the join with its reply of 50 messages. F5 (10,000 back within 15 s on one core) leaves
1.5 ms each.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from sqlalchemy import insert

from clients import SocketClient
from servers import ServerProcess
from whatssound.accounts.user import User, name_key
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.tables import users
from whatssound.config import Config
from whatssound.ids import UserId, first_id_at
from whatssound.people import people_of

LEAVES_MS, AIM_MS = 1.5, 0.5
IN_FLIGHT = 500
"""Connections that one client process opens at a time; the kernel's queue of ours holds 2,048."""

UPGRADE = (
    b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def masked(text: bytes) -> bytes:
    """A client's text frame; the mask is zero, which is legal and costs nothing to make."""
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2)
    return head + b"\0\0\0\0" + text


@dataclass
class Outcome:
    """What a burst of clients saw."""

    joined_s: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0
    reply_bytes: int = 0


class Joiner(asyncio.Protocol):
    """One client: upgrade, join, then silence. `done` holds how it ended: "joined", "refused" or "failed"."""

    def __init__(self, join: bytes, done: "asyncio.Future[str]") -> None:
        self._join = join
        self._read = b""
        self._upgraded = False
        self.done = done
        self.transport: asyncio.Transport
        self.wait_s = 0.0
        self.size = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        self._read += data
        if not self._upgraded and b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            if b" 101 " not in head[:16]:
                found = head.lower().partition(b"retry-after: ")[2].partition(b"\r\n")[0]
                self.wait_s = float(found or 1)
                self._end("refused")
                return
            self._upgraded = True
            self.transport.write(self._join)
        if self._upgraded and self._is_whole():
            self._end("joined" if b'"status":"ok"' in self._read[:200] else "failed")

    def connection_lost(self, _exc: Exception | None) -> None:
        self._end("failed")

    def _is_whole(self) -> bool:
        if len(self._read) < 4:
            return False
        size = self._read[1]
        if size == 126:
            size = int.from_bytes(self._read[2:4])
        self.size = size
        return len(self._read) >= size + 2

    def _end(self, how: str) -> None:
        if not self.done.done():
            self.done.set_result(how)
        self._read = b""


async def burst(port: int, room: str, tokens: list[str]) -> Outcome:
    """Everybody comes at once; who is sent away comes back when told."""
    loop, gate, outcome = asyncio.get_running_loop(), asyncio.Semaphore(IN_FLIGHT), Outcome()
    began, held = loop.time(), list[Joiner]()

    async def one(token: str) -> None:
        topic = b"room:" + room.encode()
        join = masked(b'["1","1","%b","phx_join",{"access_token":"%b"}]' % (topic, token.encode()))
        while True:
            async with gate:
                client = Joiner(join, loop.create_future())
                await loop.create_connection(partial(_same, client), "127.0.0.1", port)
                how = await asyncio.wait_for(client.done, 60)
            if how == "refused":
                outcome.refused += 1
                client.transport.close()
                await asyncio.sleep(client.wait_s)
                continue
            outcome.failed += how == "failed"
            outcome.joined_s.append(loop.time() - began)
            outcome.reply_bytes = client.size
            held.append(client)
            return

    await asyncio.gather(*(one(token) for token in tokens))
    for client in held:
        client.transport.abort()
    return outcome


def _same(client: Joiner) -> Joiner:
    return client


def cpu_s(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _people(data: Path, count: int) -> list[str]:
    async with people_of(Config(data=data)) as people:
        database = Database(sqlite_url(data / "whatssound.sqlite3"))
        now_ms, first = int(time.time() * 1_000), first_id_at(int(time.time() * 1_000) - 60_000)
        crowd = [User(UserId(first + n), f"Listener {n}", "guest") for n in range(count)]
        rows = [
            {
                "id": u.id,
                "name": u.name,
                "name_key": name_key(u.name),
                "role": u.role,
                "created_ms": now_ms,
                "seen_ms": now_ms,
            }
            for u in crowd
        ]
        async with database.write() as connection:
            await connection.execute(insert(users), rows)
        await database.close()
        return [people.accounts.token_for(user) for user in crowd]


@contextmanager
def crowd(count: int) -> Iterator[tuple[ServerProcess, str, list[str]]]:
    """A server with a room in which 50 messages were said, and tokens for everybody."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        tokens = asyncio.run(_people(data, count))
        with ServerProcess(data, "--chat-user-per-10s", "1000") as server:
            owner = server.token("owner")
            room = server.call("POST", "/v1/rooms", {"title": "Bench"}, token=owner)["room"]["id"]
            asyncio.run(_talk(server, room, owner))
            yield server, room, tokens


async def _talk(server: ServerProcess, room: str, token: str) -> None:
    async with SocketClient(server.url, token) as dj:
        await dj.join(f"room:{room}")
        for n in range(50):
            await dj.push(
                f"room:{room}", "chat:send", text=f"Message {n}: what a song this is, once more please", nonce=f"{n}"
            )


def main(count: int) -> None:
    """The same burst twice: with tokens that the server has not seen, and with those it has."""
    with crowd(count) as (server, room, tokens):
        for what in ("first", "again"):
            before = cpu_s(server.pid)
            asked = msgspec.json.encode({"port": server.port, "room": room, "tokens": tokens})
            child = subprocess.run([sys.executable, __file__, "--client"], input=asked, capture_output=True, check=True)
            saw = msgspec.json.decode(child.stdout, type=Outcome)
            spent_ms = (cpu_s(server.pid) - before) * 1_000 / count
            joined = sorted(saw.joined_s)
            print(
                f"{what:<6} {count} joins: CPU {spent_ms:5.2f} ms a join (aim {AIM_MS}, F5 leaves {LEAVES_MS}: "
                f"x{spent_ms / LEAVES_MS:.2f})  half {joined[len(joined) // 2]:.2f} s, last {joined[-1]:.2f} s  "
                f"refused {saw.refused}, failed {saw.failed}, reply {saw.reply_bytes:,} B  "
                f"load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            time.sleep(2)  # for the server to see all of them go


def client() -> None:
    """The other side, in a process of its own."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asked = msgspec.json.decode(sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(burst(asked["port"], asked["room"], asked["tokens"]))))


if __name__ == "__main__":
    if sys.argv[1:] == ["--client"]:
        client()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
