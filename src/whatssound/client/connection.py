"""Phoenix channels over one socket: messages that are answered, and those that come by themselves.

A connection lives as long as its socket; `Client` makes the next one.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Self

import msgspec

from whatssound.client.errors import Offline
from whatssound.client.http import refusal_of
from whatssound.client.socket import BROKEN, Socket, open_socket
from whatssound.wire.bodies import Problem
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import EMPTY, NULL, V2, Frame, Json, MalformedFrame

HEARTBEAT_S: Final = 25.0
"""The server closes a socket that says nothing for 90 s; a beat that is not answered by the next ends it here."""

AT_ONCE: Final = 24
"""Commands that wait for their answers; further ones wait here. The server takes 32 and answers `overloaded` beyond."""

_encode: Final = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True):
    """The payload of `phx_reply`."""

    status: Literal["ok", "error"]
    response: msgspec.Raw = msgspec.Raw(EMPTY)

    def refusal(self) -> Refusal:
        """What an `error` says."""
        try:
            return refusal_of(msgspec.json.decode(self.response, type=Problem))
        except msgspec.MsgspecError:
            return Refusal("internal", "The server said no and did not say why.")


_decode_reply: Final = msgspec.json.Decoder(Reply).decode

OnReply = Callable[[Reply | None], None]
"""Called once with the answer, or with None when it will not come."""

OnPush = Callable[[Frame | None], None]
"""Called with what comes by itself, and once with None when the connection is lost."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    topic: str
    on_reply: OnReply


class Connection:
    """One socket. Callbacks run on the event loop, in the order in which the server wrote; they must not block.

    Bounded: `AT_ONCE` commands are under way, the rest are callers of `ask` that wait, as many as there are.
    """

    def __init__(self) -> None:
        self._socket: Socket | None = None
        self._refs = itertools.count(1)
        self._waiting: dict[Json, _Waiting] = {}
        self._topics: dict[str, OnPush] = {}
        self._closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._beat_ref: Json | None = None
        self._beating: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str) -> Self:
        """A connection to the socket at `url`. Raises Refusal or Unreachable."""
        connection = cls()
        connection._socket = await open_socket(url, connection._received, connection._lost)
        connection._beat()
        return connection

    @property
    def is_open(self) -> bool:
        """Whether the socket is there."""
        return not self._closed.done()

    async def closed(self) -> tuple[int, str]:
        """Wait for its end; the close code (1006 when it just broke) and reason."""
        return await asyncio.shield(self._closed)

    def close(self) -> None:
        """Say goodbye. Whoever waits for an answer is told that none will come."""
        if self._socket is not None:
            self._socket.close()
        if not self._closed.done():
            self._lost(1000, "")

    def subscribe(self, topic: str, on_push: OnPush) -> None:
        """Hand everything that comes for `topic`, and is no answer, to `on_push`."""
        self._topics[topic] = on_push

    def unsubscribe(self, topic: str) -> None:
        """Nothing more for `topic`; whoever waits for an answer there is told that none will come."""
        self._topics.pop(topic, None)
        for ref in [ref for ref, waiting in self._waiting.items() if waiting.topic == topic]:
            self._waiting.pop(ref).on_reply(None)

    def send(self, topic: str, event: str, payload: object, *, join_ref: Json = NULL, on_reply: OnReply) -> Json:
        """Send a message and call `on_reply` with its answer; its reference, as JSON."""
        ref = b'"%d"' % next(self._refs)
        if self._socket is None or self._closed.done():
            on_reply(None)
            return ref
        self._waiting[ref] = _Waiting(topic, on_reply)
        join_ref = ref if event == "phx_join" else join_ref
        self._socket.send(V2.encode(Frame(join_ref, ref, topic, event, _encode(payload))))
        return ref

    async def ask(self, topic: str, event: str, payload: object, *, join_ref: Json = NULL) -> Json:
        """Send a message; the response it is answered with. Raises Refusal, or Offline when no answer will come."""
        async with self._places:
            answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
            ref = self.send(topic, event, payload, join_ref=join_ref, on_reply=lambda reply: _settle(answer, reply))
            try:
                reply = await answer
            finally:
                self._waiting.pop(ref, None)
        if reply is None:
            raise Offline("the connection was lost before the answer came")
        if reply.status == "error":
            raise reply.refusal()
        return bytes(reply.response)

    # --- what the socket calls ----------------------------------------------------------------------------------

    def _received(self, message: bytes) -> None:
        try:
            frame = V2.decode(message)
        except MalformedFrame:
            return  # not for us to understand; the connection is none the worse
        if frame.event != "phx_reply":
            if (on_push := self._topics.get(frame.topic)) is not None:
                on_push(frame)
            return
        waiting = self._waiting.pop(frame.ref, None)
        if waiting is not None:
            waiting.on_reply(_decode_reply(frame.payload))

    def _lost(self, code: int, reason: str) -> None:
        if self._beating is not None:
            self._beating.cancel()
        if not self._closed.done():
            self._closed.set_result((code, reason))
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.on_reply(None)
        topics, self._topics = self._topics, {}
        for on_push in topics.values():
            on_push(None)

    def _beat(self) -> None:
        if self._closed.done() or self._socket is None:
            return
        if self._beat_ref in self._waiting:
            self._socket.drop()
            self._lost(BROKEN, "no heartbeat")
            return
        self._beat_ref = self.send("phoenix", "heartbeat", {}, on_reply=lambda _reply: None)
        self._beating = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)


def _settle(answer: "asyncio.Future[Reply | None]", reply: Reply | None) -> None:
    if not answer.done():
        answer.set_result(reply)
