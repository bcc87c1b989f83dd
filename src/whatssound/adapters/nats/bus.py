"""The bus between processes, on NATS."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

import structlog
from nats.aio.msg import Msg

from whatssound.adapters.nats.connection import Interest, NatsConnection
from whatssound.adapters.nats.fanout import Fanout
from whatssound.adapters.nats.replies import NoResponder, NotConnected
from whatssound.bus.bus import BusStatistics, NoAnswer
from whatssound.bus.log import Subscription

MAX_ANSWERING: Final = 2_000
"""Requests that are answered at once in this process; beyond it the one who asks is told that we are overloaded."""

_FAILED: Final = "Whatssound-Failed"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_:@-]+\Z")

_log = structlog.get_logger("whatssound.bus")


class _Answering:
    """One topic that is answered here."""

    __slots__ = ("_bus", "_topic", "handler", "interest")

    def __init__(self, bus: "NatsBus", topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._bus = bus
        self._topic = topic
        self.handler = handler
        self.interest: Interest | None = None

    def close(self) -> None:
        """Let no new request in."""
        self._bus.silence(self._topic, self)


class NatsBus:
    """Bus over `connection`, which the caller opens and closes; `name` keeps installations on one NATS apart.

    A topic with several subscribers here is one subscription at the server, so each message comes over the wire
    once. While there is no connection, messages are dropped and counted and requests are NoAnswer at once.
    """

    def __init__(self, connection: NatsConnection, *, name: str = "whatssound") -> None:
        self._connection = connection
        self._message_prefix = f"{name}.bus."
        self._request_prefix = f"{name}.ask."
        self._fanout: Fanout[bytes] = Fanout(connection, lambda message: message.data)
        self._answers: dict[str, _Answering] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._published = 0
        self._dropped = 0
        self._requests = 0
        self._unanswered = 0

    @property
    def largest_bytes(self) -> int:
        """What the server takes."""
        return self._connection.largest_bytes

    def publish(self, topic: str, message: bytes) -> bool:
        """Send `message` to every subscriber of `topic`; False, and counted, when it cannot be sent."""
        self._published += 1
        sent = self._connection.publish(self._message_prefix + _token(topic), message)
        self._dropped += not sent
        return sent

    def subscribe(self, topic: str, on_message: Callable[[bytes], None]) -> Subscription:
        """Call `on_message` for each message published to `topic` from now on."""
        return self._fanout.add(self._message_prefix + _token(topic), on_message)

    async def request(self, topic: str, message: bytes, *, timeout_s: float) -> bytes:
        """Ask whoever answers `topic`. Raises NoAnswer."""
        self._requests += 1
        try:
            return await self._asked(topic, message, timeout_s)
        except NoAnswer:
            self._unanswered += 1
            raise

    def answer(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Subscription:
        """Answer every request on `topic`. Raises ValueError when this process answers it already."""
        if topic in self._answers:
            raise ValueError(f"{topic} is answered already")
        answering = self._answers[topic] = _Answering(self, topic, handler)
        subject = self._request_prefix + _token(topic)
        answering.interest = self._connection.listen(subject, lambda question: self._start(topic, answering, question))
        return answering

    async def flush(self) -> None:
        """Return once the server knows of every publish and subscribe so far. Raises NoAnswer."""
        try:
            await self._connection.flush()
        except NotConnected as problem:
            raise NoAnswer("", str(problem)) from problem

    async def close(self) -> None:
        """End the answers that are under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def statistics(self) -> BusStatistics:
        """What was done and what waits."""
        return BusStatistics(
            topics=len(self._fanout) + len(self._answers),
            published=self._published,
            delivered=self._fanout.delivered,
            dropped=self._dropped,
            requests=self._requests,
            unanswered=self._unanswered,
            waiting=self._connection.statistics().waiting,
        )

    def silence(self, topic: str, answering: _Answering) -> None:
        """Answer `topic` no longer; one that is closed already is no error."""
        if self._answers.get(topic) is answering:
            del self._answers[topic]
        if answering.interest is not None:
            answering.interest.close()

    async def _asked(self, topic: str, message: bytes, timeout_s: float) -> bytes:
        subject = self._request_prefix + _token(topic)
        try:
            reply = await self._connection.request(subject, message, timeout_s=timeout_s)
        except NoResponder as problem:
            raise NoAnswer(topic) from problem
        except NotConnected as problem:
            raise NoAnswer(topic, str(problem)) from problem
        except TimeoutError as problem:
            raise NoAnswer(topic, f"no answer in {timeout_s} s") from problem
        if reply.headers and _FAILED in reply.headers:
            raise NoAnswer(topic, reply.headers[_FAILED])
        return reply.data

    def _start(self, topic: str, answering: _Answering, question: Msg) -> None:
        if len(self._tasks) >= MAX_ANSWERING:
            self._reply(question, b"", failed="the one who answers is overloaded")
            return
        task = asyncio.get_running_loop().create_task(self._answered(topic, answering, question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, topic: str, answering: _Answering, question: Msg) -> None:
        try:
            answer = await answering.handler(question.data)
        except Exception:
            # The edge of a job: the one who asks is told, and here it can be read.
            _log.exception("a request could not be answered", topic=topic)
            self._reply(question, b"", failed="the one who answers failed")
        else:
            self._reply(question, answer, failed=None)

    def _reply(self, question: Msg, answer: bytes, *, failed: str | None) -> None:
        headers = None if failed is None else {_FAILED: failed}
        if not question.reply or self._connection.publish(question.reply, answer, headers=headers):
            return
        self._dropped += 1
        if failed is None:
            # Too large, mostly: a short word gets through where the answer does not.
            self._reply(question, b"", failed="the answer could not be sent")


def _token(topic: str) -> str:
    """`topic` as one token of a subject: dots, spaces and wildcards mean something there."""
    if _PLAIN.match(topic):
        return topic
    return quote(topic, safe=":@").replace(".", "%2E").replace("~", "%7E") or "%"
