"""What a session does with frames: order, limits, and an answer to everything."""

import asyncio
import json
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from whatssound.config import Limits
from whatssound.gateway.channel import Channel
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.session import FLOOD_BURST, HEARING_AGAIN, PENDING_COMMANDS, Session
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import V1, V2, Frame, Json

LIMITS = Limits(socket_events_per_second=10, socket_events_burst=1_000, socket_channels=3)


@dataclass
class Wire:
    """A connection that remembers."""

    frames: list[list[Any]] = field(default_factory=list)
    closed: int | None = None
    reading: bool = True
    due: bool = False

    def send(self, frame: bytes, *, state: Hashable | None = None, exempt: bool = False) -> None:
        del state, exempt
        self.frames.append(json.loads(frame[4 if frame[1] == 126 else 2 :]))

    def close(self, code: int, reason: str = "") -> None:
        del reason
        self.closed = code

    def look_again(self) -> None:
        self.due = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Slow(Channel):
    """A channel whose join and commands take as long as the test wants; `crash` crashes, `no` is refused."""

    def __init__(self, session: Session, join: Frame, table: "Table") -> None:
        super().__init__(session, join)
        self.table = table

    async def join(self, payload: Json) -> Json:
        return await self.done("join", payload)

    def joined(self) -> None:
        self.table.done.append("joined")
        if self.table.falls_over:
            raise ZeroDivisionError

    async def serve(self, frame: Frame) -> Json:
        return await self.done(frame.event, frame.payload)

    async def done(self, event: str, payload: Json) -> Json:
        self.table.begun.append(event)
        await self.table.gate.wait()
        if event == "crash":
            raise ZeroDivisionError
        if event == "no":
            raise Refusal("forbidden", "No.")
        self.table.done.append(event)
        return payload

    def left(self) -> None:
        self.table.done.append("left")

    def at_once(self, event: str, payload: Json, at_ms: float) -> Json | None:
        del payload
        return b'{"at":%d}' % at_ms if event == "now" else None


class Table:
    """What the sessions of a test share."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.metrics = Metrics(CollectorRegistry())
        self.gate = asyncio.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.now_s = 0.0
        self.falls_over = False
        self.wire = Wire()
        self.session = Session(self.wire, V2, None, self, now_s=lambda: self.now_s)

    def now_ms(self) -> float:
        return 77.0

    def channel(self, session: Session, join: Frame) -> Channel | None:
        return Slow(session, join, self) if join.topic.startswith("t") else None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def hears(self, *frame: Any) -> None:
        self.session.received(json.dumps(frame).encode(), text=True)

    async def finish(self) -> None:
        """Open the gate and wait until nothing is left to do."""
        self.gate.set()
        while any(not task.done() for task in self.tasks):
            await asyncio.wait(self.tasks)

    async def joined(self, topic: str = "t") -> None:
        self.hears("1", "1", topic, "phx_join", {})
        await self.finish()
        self.gate.clear()
        self.wire.frames.clear()
        self.begun.clear()

    def answers(self) -> list[tuple[str, str]]:
        """Reference and status or code of each reply."""
        replies = [frame for frame in self.wire.frames if frame[3] == "phx_reply"]
        return [(ref, payload["response"].get("code", payload["status"])) for _, ref, _, _, payload in replies]


@pytest.fixture
async def table() -> Table:
    return Table()


async def test_commands_of_a_channel_run_one_after_another(table: Table) -> None:
    await table.joined()
    for ref in ("a", "b", "c"):
        table.hears("1", ref, "t", f"do-{ref}", {})
    await asyncio.sleep(0)
    assert table.begun == ["do-a"]
    await table.finish()
    assert table.begun == ["do-a", "do-b", "do-c"]
    assert table.answers() == [("a", "ok"), ("b", "ok"), ("c", "ok")]


async def test_commands_wait_for_the_join_and_what_is_at_once_does_not(table: Table) -> None:
    table.hears("1", "1", "t", "phx_join", {"a": 1})
    table.hears("1", "2", "t", "do", {})
    table.hears("1", "3", "t", "now", {})
    assert table.wire.frames == [["1", "3", "t", "phx_reply", {"status": "ok", "response": {"at": 77}}]]
    await table.finish()
    assert table.wire.frames[1] == ["1", "1", "t", "phx_reply", {"status": "ok", "response": {"a": 1}}]
    assert table.done == ["join", "joined", "do"]


async def test_a_command_that_crashes_is_answered_and_the_next_one_runs(table: Table) -> None:
    await table.joined()
    table.hears("1", "a", "t", "crash", {})
    table.hears("1", "b", "t", "no", {})
    table.hears("1", "c", "t", "do", {})
    await table.finish()
    assert table.answers() == [("a", "internal"), ("b", "forbidden"), ("c", "ok")]


async def test_a_channel_that_fails_itself_makes_the_client_join_again(table: Table) -> None:
    table.falls_over = True
    table.hears("1", "1", "t", "phx_join", {})
    table.hears("1", "2", "t", "do", {})
    await table.finish()
    assert [frame[3] for frame in table.wire.frames] == ["phx_reply", "phx_error", "phx_reply"]
    assert table.wire.frames[-1][4] == {"status": "error", "response": {"reason": "unmatched topic"}}
    for number in range(PENDING_COMMANDS):
        table.hears("2", str(number), f"t{number % 3}", "phx_join", {})
    assert ("31", "overloaded") not in table.answers()


async def test_more_work_than_may_wait_is_answered_overloaded(table: Table) -> None:
    await table.joined()
    for number in range(PENDING_COMMANDS + 2):
        table.hears("1", str(number), "t", "do", {})
    assert table.answers() == [("32", "overloaded"), ("33", "overloaded")]
    assert table.wire.frames[0][4]["response"]["retry_after_ms"] == 1_000
    await table.finish()
    table.hears("1", "again", "t", "do", {})
    await table.finish()
    assert table.answers()[-1] == ("again", "ok")


async def test_more_events_than_allowed_are_refused_with_the_time_to_wait(table: Table) -> None:
    await table.joined()
    for _ in range(LIMITS.socket_events_burst - 1):
        table.hears("1", "x", "t", "now", {})
    table.wire.frames.clear()
    table.hears("1", "late", "t", "now", {})
    assert table.answers() == [("late", "rate_limited")]
    assert table.wire.frames[0][4]["response"]["retry_after_ms"] == 100
    table.hears(None, None, "phoenix", "heartbeat", {})
    assert table.wire.frames[-1] == [None, None, "phoenix", "phx_reply", {"status": "ok", "response": {}}]
    table.now_s = 0.1
    table.hears("1", "later", "t", "now", {})
    assert table.answers()[-1] == ("later", "ok")
    table.hears("1", "leaving", "t", "phx_leave", {})
    await table.finish()
    assert table.answers()[-1] == ("leaving", "ok")


async def test_only_so_many_channels_may_be_joined(table: Table) -> None:
    for number in range(4):
        table.hears("1", str(number), f"t{number}", "phx_join", {})
    await table.finish()
    assert table.answers() == [("3", "rate_limited"), ("0", "ok"), ("1", "ok"), ("2", "ok")]
    table.hears("1", "leave", "t0", "phx_leave", {})
    await table.finish()
    table.hears("1", "again", "t3", "phx_join", {})
    await table.finish()
    assert table.answers()[-1] == ("again", "ok")


async def test_when_the_socket_goes_what_runs_is_finished_and_the_rest_not_begun(table: Table) -> None:
    await table.joined()
    table.hears("1", "a", "t", "first", {})
    table.hears("1", "b", "t", "second", {})
    await asyncio.sleep(0)
    table.session.ended()
    await table.finish()
    assert table.done == ["join", "joined", "left", "first"]
    assert table.answers() == []
    table.hears(None, "1", "phoenix", "heartbeat", {})
    assert table.wire.frames == []


async def test_a_channel_that_ends_while_it_joins_leaves_again_when_that_is_over(table: Table) -> None:
    table.hears("1", "1", "t", "phx_join", {})
    await asyncio.sleep(0)
    table.session.ended()
    await table.finish()
    assert table.done == ["left", "join", "left"]


async def test_a_join_while_an_older_one_is_under_way_replaces_it(table: Table) -> None:
    table.hears("1", "1", "t", "phx_join", {})
    table.hears("2", "2", "t", "phx_join", {})
    await table.finish()
    assert [(frame[0], frame[1], frame[3]) for frame in table.wire.frames] == [
        ("1", None, "phx_close"),
        ("2", "2", "phx_reply"),
    ]


async def test_in_version_one_it_is_replaced_without_a_word_for_a_close_would_end_the_new_join_too(
    table: Table,
) -> None:
    table.session = Session(table.wire, V1, None, table, now_s=lambda: table.now_s)
    for ref in ("1", "2"):
        join = {"topic": "t", "event": "phx_join", "payload": {}, "ref": ref}
        table.session.received(json.dumps(join).encode(), text=True)
    await table.finish()
    assert [(frame["ref"], frame["event"]) for frame in table.wire.frames] == [("2", "phx_reply")]
    assert table.done == ["left", "join", "joined"]


async def test_stale_references_are_ignored(table: Table) -> None:
    await table.joined()
    table.hears("0", "a", "t", "now", {})
    table.hears("0", "b", "t", "phx_leave", {})
    assert table.wire.frames == []
    table.hears(None, "c", "t", "now", {})
    assert table.answers() == [("c", "ok")]


async def test_who_floods_is_not_read_for_a_while_and_then_heard_again(table: Table) -> None:
    for _ in range(FLOOD_BURST):
        table.session.received(b"junk", text=True)
    assert table.wire.reading
    table.session.received(b"junk", text=True)
    assert not table.wire.reading
    assert table.wire.due
    assert table.session.check(HEARING_AGAIN / 200 - 0.1) == 0
    assert not table.wire.reading
    assert table.session.check(HEARING_AGAIN / 200 + 0.1) > 0
    assert table.wire.reading
    assert table.wire.closed is None


async def test_junk_alone_ends_a_socket_and_one_good_frame_forgives_it(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whatssound.gateway.session.JUNK_FRAMES", 10)
    for _ in range(3):
        for _ in range(10):
            table.session.received(b"\x00", text=False)
        table.hears(None, "1", "phoenix", "heartbeat", {})
    assert table.wire.closed is None
    for _ in range(11):
        table.session.received(b"[]", text=True)
    assert table.wire.closed == 1008
