"""Sessions of a real gateway without sockets, for tests that say anything: what each is told is written down."""

import asyncio
import json
import struct
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway_rig import Rig, opened
from whatssound.config import Limits
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.outbox import Outbox
from whatssound.gateway.session import Session
from whatssound.wire.phoenix import V1, Serializer

MUCH = 1_000_000
LIMITS = Limits(
    realtime_socket_events_per_second=MUCH,
    realtime_socket_events_burst=MUCH,
    socket_events_per_second=MUCH,
    socket_events_burst=MUCH,
    realtime_payload_bytes=2_000,
)
OWN_WORDS = ("presence_state", "presence_diff", "system")
"""What follows a join or ends a channel beside what the tables of replies say."""

Said = tuple[Any, str, str, Any]
"""ref, topic, event, and of a reply its status."""


class Recorder:
    """A connection whose other end reads everything at once and writes it down."""

    def __init__(self, serializer: Serializer) -> None:
        self.serializer = serializer
        self.said: list[Said] = []
        self.closed: int | None = None
        self._outbox = Outbox(self._write, lambda: None, limit_bytes=MUCH, limit_s=60, now_s=lambda: 0.0)

    @property
    def outlet(self) -> Outlet:
        return self._outbox

    def send(self, frame: bytes, *, state: Hashable | None = None, exempt: bool = False) -> None:
        self._outbox.send(frame, state=state, exempt=exempt)

    def close(self, code: int, reason: str = "") -> None:
        del reason
        self.closed = code

    def look_again(self) -> None:
        pass

    def pause_reading(self) -> None:
        raise AssertionError("nobody floods here")

    def resume_reading(self) -> None:
        pass

    def _write(self, data: bytes | memoryview) -> None:
        for text in _texts(bytes(data)):
            if self.serializer is V1:
                read = json.loads(text)
                assert set(read) == {"ref", "topic", "event", "payload"}
                ref, topic, event, payload = read["ref"], read["topic"], read["event"], read["payload"]
            else:
                join_ref, ref, topic, event, payload = json.loads(text)
                ref = join_ref if event == "phx_close" else ref
            assert isinstance(payload, dict)
            if event == "phx_reply":
                assert set(payload) == {"status", "response"}
                assert isinstance(payload["response"], dict)
                assert payload["response"].get("code") != "internal"
            assert event != "phx_error"
            self.said.append((ref, topic, event, payload.get("status") if event == "phx_reply" else payload))


def _texts(data: bytes) -> Iterator[bytes]:
    """The payloads of whole text frames; binary ones are passed over."""
    while data:
        size, at = data[1], 2
        if size == 126:
            (size,), at = struct.unpack("!H", data[2:4]), 4
        elif size == 127:
            (size,), at = struct.unpack("!Q", data[2:10]), 10
        if data[0] == 0x81:
            yield data[at : at + size]
        data = data[at + size :]


@dataclass
class House:
    """The server and its loop, for all examples of a test."""

    rig: Rig
    run: Callable[[Coroutine[Any, Any, None]], None]
    names: dict[str, str]
    """What `OF_A_ROOM` are called."""
    sessions: list[Session] = field(default_factory=list)

    def session(self, serializer: Serializer) -> tuple[Session, Recorder]:
        recorder = Recorder(serializer)
        identity = self.rig.gateway.access.visitor(self.rig.accounts.token_for(None)).identity
        session = Session(recorder, serializer, identity, self.rig.gateway, home="127.0.0.1")
        self.sessions.append(session)
        return session, recorder

    async def tidily(self, example: Coroutine[Any, Any, None]) -> None:
        """Run an example; then all of its sockets go at once, and nothing of them stays."""
        try:
            await example
        finally:
            while self.sessions:
                self.sessions.pop().ended()
            await self.settle()
        self.require_empty()

    async def settle(self) -> None:
        """Return once nothing is being done and nothing waits."""
        gateway = self.rig.gateway
        for turn in range(5_000):
            await asyncio.sleep(0 if turn < 100 else 0.001)
            flushing = gateway.hub.flushing()
            if turn > 2 and not (gateway.statistics().commands or flushing.waiting or flushing.flushing):
                return
        raise AssertionError("something never ends")

    def require_empty(self) -> None:
        gateway = self.rig.gateway
        assert gateway.topics.statistics() == (0, 0)
        assert gateway.load.statistics().users == 0
        assert gateway.statistics().commands == gateway.hub.statistics().channels == 0
        (figure,) = gateway.metrics.channels.collect()
        assert [sample.value for sample in figure.samples] == [0.0]


def opened_house(folder: Path) -> Iterator[House]:
    """A server with a room."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        rig = runner.run(stack.enter_async_context(opened(folder, limits=LIMITS, ticking=False)))
        room = runner.run(rig.room()).id
        yield House(rig, runner.run, {"its room": f"room:{room}", "its view": f"realtime:room:{room}"})
        runner.run(stack.aclose())


def told(recorder: Recorder) -> list[Said]:
    """What the table is about, taken out of what was said; refusals' own words are the business of other tests."""
    said, recorder.said = recorder.said, []
    return [
        (ref, topic, event, {"code": "…"} if event == "phx_close" and detail else detail)
        for ref, topic, event, detail in said
        if event not in OWN_WORDS and event != "broadcast"
    ]
