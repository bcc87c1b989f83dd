"""What the room log and the bus cost over NATS, beside the least that Python can do with the same server.

The limit is a bare socket: one HPUB with a reply inbox, and the acknowledgement read back. Ratios are medians of pairs,
one after the other, with their range. `make bench F=log`, half a minute.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

import nats_rig
from whatssound.adapters.nats import LogSettings, NatsBus, NatsConnection, NatsLog, NatsServer
from whatssound.adapters.nats.stream import live_subject, room_subject
from whatssound.ids import RoomId

RECORD = b"chat\n" + b"x" * 195
"""200 B, a chat line of average length."""

ROOM = RoomId(1)
PAIRS = 7
APPENDS = 300
EVENTS = 20_000
BURST = 500


class Bare(asyncio.Protocol):
    """A NATS client that sends what it is told and counts bytes."""

    def __init__(self) -> None:
        self.received = 0
        self.lines = 0
        self.wanted: Callable[[], bool] = lambda: False
        self.reached: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"PING"):
            self.transport.write(b"PONG\r\n")  # type: ignore[attr-defined]
        self.received += len(data)
        self.lines += data.count(b"MSG ")
        if self.reached is not None and not self.reached.done() and self.wanted():
            self.reached.set_result(None)

    async def until(self, wanted: Callable[[], bool]) -> None:
        self.wanted = wanted
        if not wanted():
            self.reached = asyncio.get_running_loop().create_future()
            await self.reached


async def bare(server: NatsServer) -> Bare:
    url = urlsplit(server.url)
    _, client = await asyncio.get_running_loop().create_connection(Bare, url.hostname, url.port)
    token = f'{{"auth_token":"{url.username}","headers":true,"verbose":false,"protocol":1}}'
    client.transport.write(f"CONNECT {token}\r\nPING\r\n".encode())  # type: ignore[attr-defined]
    await client.until(lambda: client.received > 0)
    return client


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder, nats_rig.one_server(Path(folder)) as server:
        async with nats_rig.connected([server]) as connection, nats_rig.connected([server]) as other:
            log = await NatsLog.open(connection, LogSettings(max_events=2 * EVENTS))
            print(f"load average {os.getloadavg()[0]:.1f}; figures of a busy machine compare only within one line")
            await appends(server, log)
            await events(log)
            await messages(connection, other)
            await log.close()


async def appends(server: NatsServer, log: NatsLog) -> None:
    """One append after the other, then 16 at a time."""
    client = await bare(server)
    client.transport.write(b"SUB inbox 1\r\n")  # type: ignore[attr-defined]
    subject = room_subject("whatssound", log.epoch, 999)
    numbers = iter(range(10**9))

    async def ours() -> None:
        await log.append(ROOM, RECORD, key=f"k{next(numbers)}")

    async def theirs() -> None:
        headers = f"NATS/1.0\r\nNats-Msg-Id: {log.epoch}.999.k{next(numbers)}\r\n\r\n".encode()
        head = f"HPUB {subject} inbox {len(headers)} {len(headers) + len(RECORD)}\r\n".encode()
        goal = client.lines + 1
        client.transport.write(head + headers + RECORD + b"\r\n")  # type: ignore[attr-defined]
        await client.until(lambda: client.lines >= goal)

    await compared("append, one in flight, p50", "µs", lambda: p50_us(ours), lambda: p50_us(theirs))

    async def many() -> None:
        for _ in range(60):
            await asyncio.gather(*(ours() for _ in range(16)))

    several = [await rate(many, 16 * 60) for _ in range(PAIRS)]
    print(f"{'appends, 16 in flight':<40} {statistics.median(several):10,.0f} /s  ({span(several)})")


async def events(log: NatsLog) -> None:
    """What it costs to take in a live event: once a process, whatever its listeners are."""
    await log.subscribe(RoomId(7), lambda _: None)
    cpu = [taken_us(log) for _ in range(PAIRS)]
    print(f"{'taking in one event, CPU':<40} {statistics.median(cpu):10.1f} µs  ({span(cpu)})")


def taken_us(log: NatsLog) -> float:
    """CPU of parsing and reading one live event, without the socket: nats-py's parser and our callback."""
    client = log._connection._client
    sid = next(sid for sid, sub in client._subs.items() if sub._subject.endswith(".7"))
    headers = (
        b"NATS/1.0\r\nNats-Msg-Id: e.7.k\r\nNats-Stream: whatssound\r\nNats-Subject: "
        + room_subject("whatssound", log.epoch, 7).encode()
        + b"\r\nNats-Sequence: 1\r\nNats-Time-Stamp: 2026-01-01T00:00:00.000000000Z\r\nNats-Last-Sequence: 0\r\n\r\n"
    )
    subject = live_subject("whatssound", log.epoch, 7)
    size = len(headers) + len(RECORD)
    one = f"HMSG {subject} {sid} {len(headers)} {size}\r\n".encode() + headers + RECORD + b"\r\n"
    data, count = one * 50, 50 * 20
    begin = time.process_time()
    for _ in range(20):
        step(client._ps.parse(data))
    return (time.process_time() - begin) / count * 1e6


def step(work: Awaitable[None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)  # type: ignore[attr-defined]
    except StopIteration:
        return
    raise AssertionError("it waited")


async def messages(one: NatsConnection, two: NatsConnection) -> None:
    """Bus messages between two connections of one loop, and questions one at a time."""
    sender, receiver = NatsBus(one), NatsBus(two)
    heard = 0
    reached = asyncio.Event()

    def count(_: bytes) -> None:
        nonlocal heard
        heard += 1
        if heard >= EVENTS:
            reached.set()

    async def echo(message: bytes) -> bytes:
        return message

    receiver.subscribe("typing", count)
    receiver.answer("say", echo)
    await receiver.flush()

    async def all_of_them() -> None:
        nonlocal heard
        heard = 0
        reached.clear()
        for start in range(0, EVENTS, BURST):
            for _ in range(start, start + BURST):
                sender.publish("typing", RECORD)
            await asyncio.sleep(0)
        await reached.wait()

    rates = [await rate(all_of_them, EVENTS) for _ in range(PAIRS)]
    print(f"{'bus messages, both ends in one loop':<40} {statistics.median(rates):10,.0f} /s  ({span(rates)})")
    asks = [await p50_us(lambda: sender.request("say", RECORD, timeout_s=5)) for _ in range(PAIRS)]
    print(f"{'question and answer, p50':<40} {statistics.median(asks):10.0f} µs  ({span(asks)})")


async def compared(
    what: str, unit: str, ours: Callable[[], Awaitable[float]], limit: Callable[[], Awaitable[float]]
) -> None:
    pairs = [(await ours(), await limit()) for _ in range(PAIRS)]
    ratios = [a / b for a, b in pairs]
    print(
        f"{what:<40} {statistics.median(a for a, _ in pairs):10.0f} {unit}"
        f"  bare socket {statistics.median(b for _, b in pairs):.0f}  x{statistics.median(ratios):.2f} ({span(ratios)})"
    )


async def p50_us(work: Callable[[], Awaitable[object]]) -> float:
    took: list[float] = []
    for _ in range(APPENDS):
        begin = time.perf_counter()
        await work()
        took.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(took)


async def rate(work: Callable[[], Awaitable[object]], count: int) -> float:
    """Per second, of `count` that one call of `work` does."""
    begin = time.perf_counter()
    await work()
    return count / (time.perf_counter() - begin)


def span(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:,.2f}-{high:,.2f}" if high < 100 else f"{low:,.0f}-{high:,.0f}"


if __name__ == "__main__":
    uvloop.run(main())
