"""One process's connection to NATS: stays up by itself, never blocks, says what it lost."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from whatssound.adapters.nats.replies import NotConnected, Replies

RECONNECT_WAIT_S: Final = 0.1
PING_S: Final = 3
"""A connection that died without a word is noticed after three of these."""

MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""What may wait to be sent; beyond it messages are refused and counted. 20,000 messages leave in 0.1 s."""

OnMessage = Callable[[Msg], None]

_log = structlog.get_logger("whatssound.nats")


class NatsUnreachable(Exception):
    """No server of those given answered."""


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """How the connection fares."""

    connected: int
    """1 while connected."""
    reconnects: int
    errors: int
    refused: int
    """Messages that were not sent: no connection, or too many wait."""
    waiting: int
    waiting_bytes: int
    received: int
    subscriptions: int


class _Sink:
    """Stands where nats-py takes a future, so that a message is handed over at once.

    With `cb=` each subscription would cost a task and a queue of its own, and order between subscriptions.
    """

    __slots__ = ("_on_message",)

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        try:
            self._on_message(message)
        except Exception:
            # The edge of the connection: what is raised here would end the reading of all others.
            _log.exception("a message could not be taken", subject=message.subject)


class Interest:
    """A subject that is listened to, over every reconnect, until it is closed."""

    __slots__ = ("_connection", "_on_message", "client", "handle", "subject")

    def __init__(self, connection: "NatsConnection", subject: str, on_message: OnMessage) -> None:
        self._connection = connection
        self.subject = subject
        self._on_message: OnMessage | None = on_message
        self.client: Client | None = None
        self.handle: NatsSubscription | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still listens."""
        return self._on_message is not None

    def take(self, message: Msg) -> None:
        """One message from the server."""
        if self._on_message is not None:
            self._on_message(message)

    def close(self) -> None:
        """Stop at once; closing twice is harmless."""
        if self._on_message is not None:
            self._on_message = None
            self._connection.leave(self)


class NatsConnection:
    """A connection that `open` makes and `close` ends; in between it reconnects for as long as it takes.

    Everything is sent in the order of the calls, by one task. `publish` and `listen` return at once.
    """

    def __init__(self, urls: Sequence[str], *, name: str) -> None:
        self._urls = list(urls)
        self._name = name
        self._client = Client()
        self._interests: set[Interest] = set()
        self._gap_callbacks: list[Callable[[], None]] = []
        self._queue: deque[tuple[int, Callable[[Client], Awaitable[None]]]] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._connected = False
        self._reconnects = 0
        self._errors = 0
        self._refused = 0
        self._received = 0
        self._replies = Replies(self)

    @classmethod
    async def open(cls, urls: Sequence[str], *, name: str = "whatssound", timeout_s: float = 10) -> "NatsConnection":
        """A connection to one of `urls`; `name` is shown by the server's monitoring. Raises NatsUnreachable."""
        connection = cls(urls, name=name)
        try:
            async with asyncio.timeout(timeout_s):
                await connection._connect()
        except (TimeoutError, OSError, nats.errors.Error) as problem:
            await connection.close()
            raise NatsUnreachable(f"no NATS server answers at {', '.join(map(_without_secret, urls))}") from problem
        connection._spawn(connection._send())
        connection._replies.start()
        return connection

    async def close(self) -> None:
        """Send what waits, then leave. Closing twice is harmless."""
        if self._closing:
            return
        if self._connected:
            with contextlib.suppress(NotConnected):
                await self.flush(timeout_s=1)
        self._closing = True
        self._connected = False
        self._replies.lost()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Without a server it may stumble over its own closed transport.
        with contextlib.suppress(nats.errors.Error, OSError, RuntimeError):
            await self._client.close()

    async def __aenter__(self) -> "NatsConnection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_connected(self) -> bool:
        """Whether what is sent now is likely to arrive."""
        return self._connected

    @property
    def largest_bytes(self) -> int:
        """The longest message that the server takes."""
        return self._client.max_payload

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever messages may have been missed: after a reconnect, and when one was dropped."""
        self._gap_callbacks.append(callback)

    def publish(self, subject: str, data: bytes, *, reply: str = "", headers: dict[str, str] | None = None) -> bool:
        """Send `data`; False when it was refused and counted: no connection, or too much waits. Never raises."""
        if not self._may_send(len(data)):
            self._refused += 1
            return False
        self._enqueue(len(data), lambda client: client.publish(subject, data, reply=reply, headers=headers))
        return True

    def listen(self, subject: str, on_message: OnMessage) -> Interest:
        """Call `on_message` for what is sent to `subject` from now on; it must not block."""
        interest = Interest(self, subject, on_message)
        self._interests.add(interest)
        self._enqueue(0, lambda client: self._subscribe(client, interest))
        return interest

    def leave(self, interest: Interest) -> None:
        """Listen no longer; `Interest.close` is how to call it."""
        self._interests.discard(interest)
        self._enqueue(0, lambda _: self._unsubscribe(interest))

    async def flush(self, *, timeout_s: float = 5) -> None:
        """Return once the server has taken in everything sent so far. Raises NotConnected."""
        if not self._connected:
            raise NotConnected("there is no connection to NATS now")
        done = asyncio.get_running_loop().create_future()

        async def ping(client: Client) -> None:
            # Waited for by a task of its own: the sender goes on.
            self._spawn(_settled(done, client.flush(timeout=max(1, int(timeout_s)))))

        self._enqueue(0, ping)
        try:
            await asyncio.wait_for(done, timeout_s)
        except (TimeoutError, OSError, nats.errors.Error) as problem:
            raise NotConnected("NATS does not answer") from problem

    async def request(
        self, subject: str, data: bytes, *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """Ask, and return the answer. Raises NotConnected, NoResponder at once when nobody listens, TimeoutError."""
        return await self._replies.one(subject, data, timeout_s=timeout_s, headers=headers)

    async def request_many(self, subject: str, data: bytes, *, timeout_s: float) -> list[Msg]:
        """Ask, and return every answer up to and including the one that bears a status. Raises as `request`."""
        return await self._replies.many(subject, data, timeout_s=timeout_s)

    def statistics(self) -> ConnectionStatistics:
        """How the connection fares."""
        return ConnectionStatistics(
            connected=int(self._connected),
            reconnects=self._reconnects,
            errors=self._errors,
            refused=self._refused,
            waiting=len(self._queue),
            waiting_bytes=self._waiting_bytes,
            received=self._received,
            subscriptions=len(self._interests),
        )

    def _may_send(self, size_bytes: int) -> bool:
        fits = len(self._queue) < MAX_WAITING and self._waiting_bytes + size_bytes <= MAX_WAITING_BYTES
        return self._connected and fits and size_bytes <= self.largest_bytes

    def _enqueue(self, size_bytes: int, send: Callable[[Client], Awaitable[None]]) -> None:
        self._queue.append((size_bytes, send))
        self._waiting_bytes += size_bytes
        self._wake.set()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                size_bytes, send = self._queue.popleft()
                self._waiting_bytes -= size_bytes
                try:
                    await send(self._client)
                except (nats.errors.Error, OSError) as problem:
                    self._count(problem)

    async def _subscribe(self, client: Client, interest: Interest) -> None:
        if interest.is_open and interest.client is not client and not client.is_closed:
            interest.client = client
            sink: Any = _Sink(lambda message: self._took(interest, message))
            interest.handle = await cast(Any, client).subscribe(interest.subject, future=sink)

    def _took(self, interest: Interest, message: Msg) -> None:
        self._received += 1
        interest.take(message)

    async def _unsubscribe(self, interest: Interest) -> None:
        handle, interest.handle = interest.handle, None
        if handle is not None:
            await handle.unsubscribe()

    async def _connect(self) -> None:
        client = self._client = Client()
        await client.connect(
            self._urls,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=cast(int, RECONNECT_WAIT_S),
            ping_interval=PING_S,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            **cast(Any, _credentials(self._urls)),
        )
        self._connected = True

    async def _on_error(self, problem: Exception) -> None:
        self._count(problem)
        if isinstance(problem, nats.errors.SlowConsumerError):
            self._missed()

    async def _on_disconnected(self) -> None:
        if self._connected:
            _log.warning("the connection to NATS is lost")
        self._connected = False
        self._replies.lost()

    async def _on_reconnected(self) -> None:
        if self._closing:
            return
        self._connected = True
        self._reconnects += 1
        _log.info("connected to NATS again")
        self._missed()

    async def _on_closed(self) -> None:
        """Some complaints of a server end the client for good; then a new one takes over all interests."""
        self._connected = False
        self._replies.lost()
        if not self._closing:
            self._spawn(self._start_over())

    async def _start_over(self) -> None:
        while True:
            try:
                await self._connect()
                for interest in tuple(self._interests):
                    await self._subscribe(self._client, interest)
                break
            except (nats.errors.Error, OSError) as problem:
                self._count(problem)
                await asyncio.sleep(RECONNECT_WAIT_S)
        await self._on_reconnected()

    def _missed(self) -> None:
        for callback in self._gap_callbacks:
            callback()

    def _count(self, problem: Exception) -> None:
        self._errors += 1
        _log.debug("NATS", problem=repr(problem))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _settled(done: asyncio.Future[None], work: Awaitable[None]) -> None:
    try:
        await work
    except (OSError, nats.errors.Error) as problem:
        if not done.done():
            done.set_exception(problem)
    else:
        if not done.done():
            done.set_result(None)


def _credentials(urls: Sequence[str]) -> dict[str, str]:
    """Those in the addresses, for all servers: a cluster names its other servers without them."""
    for url in map(urlsplit, urls):
        if url.username is not None and url.password is not None:
            return {"user": url.username, "password": url.password}
        if url.username is not None:
            return {"token": url.username}
    return {}


def _without_secret(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + rest.rpartition("@")[2]
