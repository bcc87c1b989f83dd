"""Questions and their answers over one inbox, one subscription for all of them."""

import asyncio
import itertools
import secrets
from typing import Protocol

from nats.aio.msg import Msg


class NotConnected(Exception):
    """There is no connection to NATS now, or it was lost while an answer was awaited."""


class NoResponder(Exception):
    """Nobody listens to the subject that was asked."""


class Line(Protocol):
    """What questions are sent and answers heard on."""

    def publish(self, subject: str, data: bytes, *, reply: str = "", headers: dict[str, str] | None = None) -> bool:
        """Send; False when it was refused."""
        ...

    def listen(self, subject: str, on_message: "OnMessage", /) -> object:
        """Hear what is sent to `subject`."""
        ...


class OnMessage(Protocol):
    """Takes one message."""

    def __call__(self, message: Msg, /) -> None: ...


class _Waiting:
    """One question: every answer so far, done when the last is there."""

    __slots__ = ("done", "many", "messages")

    def __init__(self, *, many: bool) -> None:
        self.many = many
        self.messages: list[Msg] = []
        self.done: asyncio.Future[list[Msg]] = asyncio.get_running_loop().create_future()


class Replies:
    """Every question that waits for its answer. Bounded by their deadlines."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._prefix = f"_INBOX.{secrets.token_hex(8)}."
        self._tokens = itertools.count()
        self._waiting: dict[str, _Waiting] = {}

    def start(self) -> None:
        """Open the inbox."""
        self._line.listen(self._prefix + "*", self._arrived)

    def lost(self) -> None:
        """The connection is gone and every answer with it."""
        waiting, self._waiting = self._waiting, {}
        for question in waiting.values():
            if not question.done.done():
                question.done.set_exception(NotConnected("the connection to NATS was lost"))

    async def one(self, subject: str, data: bytes, *, timeout_s: float, headers: dict[str, str] | None) -> Msg:
        """The one answer. Raises NotConnected, NoResponder, TimeoutError."""
        return (await self._ask(subject, data, _Waiting(many=False), timeout_s=timeout_s, headers=headers))[0]

    async def many(self, subject: str, data: bytes, *, timeout_s: float) -> list[Msg]:
        """Every answer, the last of which bears a status. Raises NotConnected, NoResponder, TimeoutError."""
        return await self._ask(subject, data, _Waiting(many=True), timeout_s=timeout_s, headers=None)

    async def _ask(
        self, subject: str, data: bytes, question: _Waiting, *, timeout_s: float, headers: dict[str, str] | None
    ) -> list[Msg]:
        token = str(next(self._tokens))
        self._waiting[token] = question
        try:
            if not self._line.publish(subject, data, reply=self._prefix + token, headers=headers):
                raise NotConnected("NATS takes nothing just now")
            async with asyncio.timeout(timeout_s):
                return await question.done
        finally:
            self._waiting.pop(token, None)

    def _arrived(self, message: Msg) -> None:
        question = self._waiting.get(message.subject[len(self._prefix) :])
        if question is None or question.done.done():
            return
        status = status_of(message)
        question.messages.append(message)
        if status == "503":
            question.done.set_exception(NoResponder(f"nobody answers: {message.subject}"))
        elif status or not question.many:
            question.done.set_result(question.messages)


def status_of(message: Msg) -> str:
    """The status of a message that the server itself sent, as "404"; empty for any other."""
    return (message.headers or {}).get("Status", "")
