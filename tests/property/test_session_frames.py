"""Whatever a client sends: the session answers as the protocol says, falls over at nothing and keeps nothing."""

import asyncio
import json
import struct
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_rig import Rig, opened
from whatssound.config import Limits
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.outbox import Outbox
from whatssound.gateway.session import Session
from whatssound.wire.phoenix import V1, V2, Frame, Serializer

MUCH = 1_000_000
LIMITS = Limits(
    realtime_socket_events_per_second=MUCH,
    realtime_socket_events_burst=MUCH,
    socket_events_per_second=MUCH,
    socket_events_burst=MUCH,
    realtime_payload_bytes=2_000,
)
TOPICS = ("realtime:a", "realtime:b:c")
OF_A_ROOM = ("its room", "its view")
"""Of a room that each test has; by their own names on the wire."""

NOWHERE = ("realtime:", "room:nowhere", "lobby", "phoenix")
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


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        rig = runner.run(stack.enter_async_context(opened(folder, limits=LIMITS, ticking=False)))
        room = runner.run(rig.room()).id
        yield House(rig, runner.run, {"its room": f"room:{room}", "its view": f"realtime:room:{room}"})
        runner.run(stack.aclose())


# --- what a client may do ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One frame. `whose` says which join_ref it bears: that of the `join` now, none, or another."""

    what: str
    topic: str
    whose: str = "own"
    detail: Any = None
    ref: bool = True


JOINS: dict[str, Any] = {
    "plain": {},
    "self": {"config": {"broadcast": {"self": True, "ack": True}}},
    "ack": {"config": {"broadcast": {"ack": "TRUE"}, "presence": {"enabled": False}, "postgres_changes": [{"a": 1}]}},
    "nonsense": [None, 5],
    "odd": {"config": {"broadcast": None, "presence": 3, "postgres_changes": [None, "x"], "private": "no"}},
    "private": {"config": {"private": True}},
    "replay": {"config": {"broadcast": {"replay": {"since": 0}}}},
    "bad token": {"access_token": "nonsense"},
}
REFUSED = ("private", "replay", "bad token")
SAID: dict[str, Any] = {
    "good": {"type": "broadcast", "event": "e", "payload": {"n": 1}},
    "bare": {"event": "é", "extra": [1]},
    "no event": {"payload": 1},
    "no object": [1],
    "too long": {"event": "e", "payload": "x" * 2_001},
}
GOOD = ("good", "bare")

whose = st.sampled_from(["own", "own", "own", "null", "stale"])


def steps_on(topics: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    """Frames of any kind, most of them on these topics."""
    places = st.sampled_from(topics)
    joins = st.builds(Step, st.just("phx_join"), places, st.just("own"), st.sampled_from(sorted(JOINS)), st.booleans())
    step = st.one_of(
        joins,
        joins,
        st.builds(Step, st.just("phx_leave"), places, whose, st.none(), st.booleans()),
        st.builds(Step, st.just("broadcast"), places, whose, st.sampled_from(sorted(SAID)), st.booleans()),
        st.builds(Step, st.just("kind 3"), places, whose, st.sampled_from([b"{}", b"5", b"nonsense", b""])),
        st.builds(Step, st.just("kind 0"), places, whose),
        st.builds(Step, st.just("access_token"), places, whose, st.sampled_from([None, "sb_x", "nonsense"])),
        st.builds(Step, st.just("presence"), places, whose, st.sampled_from([{"event": "track", "payload": {}}, 3])),
        st.builds(Step, st.just("dance"), places, whose),
        st.builds(
            Step,
            st.sampled_from(["phx_join", "phx_leave", "broadcast"]),
            st.sampled_from(NOWHERE),
            st.just("own"),
            st.just("plain"),
        ),
        st.builds(Step, st.just("heartbeat"), st.just("phoenix"), st.just("null"), st.none(), st.booleans()),
        st.builds(Step, st.just("junk"), st.just(""), st.just("null"), st.binary(max_size=40)),
    )
    return st.lists(step, min_size=10, max_size=30)


EVENTS = ("phx_join", "phx_leave", "broadcast", "presence", "access_token", "chat:send", "playback:report", "clock")
FIELDS = ("event", "payload", "access_token", "text", "nonce", "config", "postgres_changes", "t1", "user_token")
odd_values = st.sampled_from([b"null", b"5", b'"track"', b'"\xff"', b'"\xed\xa0\x80"', b"[]", b"{}", b"1e400", b"true"])
odd_payloads = st.one_of(
    odd_values,
    st.lists(st.tuples(st.sampled_from(FIELDS), odd_values), max_size=3).map(
        lambda fields: b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in fields)
    ),
    st.integers(1, 3_000).map(lambda depth: b"[" * depth + b"]" * depth),
)


@dataclass
class Client:
    """Writes frames, and knows what it joined with."""

    session: Session
    recorder: Recorder
    names: dict[str, str] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)
    refs: int = 0

    def send(self, step: Step) -> str | None:
        """Send it; its ref."""
        self.refs += 1
        ref = str(self.refs) if step.ref else None
        version_2 = self.recorder.serializer is V2
        if step.what == "junk":
            is_text = self.refs % 2 == 0
            self.session.received((b"{[" if is_text else b"\x05") + step.detail, text=is_text)
            return None
        if step.what == "phx_join" and ref is not None:
            self.joins[step.topic] = ref
        elif step.what == "phx_join":
            self.joins.pop(step.topic, None)
        join_ref = {"own": self.joins.get(step.topic), "null": None, "stale": "stale"}[step.whose]
        if step.what in ("kind 3", "kind 0"):
            topic = self.names.get(step.topic, step.topic)
            self.session.received(_binary(step, topic, join_ref, ref), text=False)
            return ref
        payload, topic = _payload(step), self.names.get(step.topic, step.topic)
        frame = (
            [join_ref, ref, topic, step.what, payload]
            if version_2
            else {"join_ref": join_ref, "ref": ref, "topic": topic, "event": step.what, "payload": payload}
        )
        self.session.received(json.dumps(frame).encode(), text=True)
        return ref


def _payload(step: Step) -> Any:
    if step.what == "access_token":
        return {"access_token": step.detail}
    known = {"phx_join": JOINS, "broadcast": SAID}.get(step.what)
    return step.detail if known is None else known.get(step.detail)


def _binary(step: Step, topic: str, join_ref: str | None, ref: str | None) -> bytes:
    names = [(join_ref or "").encode(), (ref or "").encode(), topic.encode()]
    if step.what == "kind 0":
        names.append(b"broadcast")
        return bytes((0, *map(len, names))) + b"".join(names) + b"data"
    names += [b"e", b""]
    return bytes((3, *map(len, names), 1)) + b"".join(names) + step.detail


# --- what the protocol says about it ----------------------------------------------------------------------------


@dataclass
class Table:
    """The table of replies: which frames each step brings, to whom joined as `joined` says."""

    version_2: bool
    joined: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """By topic: the join_ref, and how it was joined."""

    def answers(self, step: Step, ref: str | None) -> list[Said]:
        """What the sender is told, without broadcasts and `OWN_WORDS`."""
        here = self.joined.get(step.topic)
        if step.what == "junk" or (step.what in ("kind 3", "kind 0") and not self.version_2):
            return []
        if step.what == "heartbeat":
            return [(ref, step.topic, "phx_reply", "ok")]
        if step.what == "phx_join":
            return self._join(step, ref)
        if here is not None:
            return [] if step.whose == "stale" else self._command(step, ref, here)
        return [(ref, step.topic, "phx_reply", "ok" if step.what == "phx_leave" else "error")]

    def is_heard(self, step: Step) -> bool:
        """Whether the step, before it is taken, is a broadcast that others hear."""
        if step.topic not in self.joined or step.whose == "stale":
            return False
        if step.what == "kind 3":
            return self.version_2 and step.detail != b"nonsense"
        return step.what == "broadcast" and step.detail in GOOD

    def _join(self, step: Step, ref: str | None) -> list[Said]:
        here = self.joined.pop(step.topic, None)
        told: list[Said] = [(here[0], step.topic, "phx_close", {})] if here is not None and self.version_2 else []
        if step.topic == "room:nowhere":
            return [*told, (ref, step.topic, "phx_reply", "error"), (ref, step.topic, "phx_close", {"code": "…"})]
        if step.topic in NOWHERE or step.detail in REFUSED:
            return [*told, (ref, step.topic, "phx_reply", "error")]
        self.joined[step.topic] = (ref, step.detail)
        return [*told, (ref, step.topic, "phx_reply", "ok")]

    def _command(self, step: Step, ref: str | None, here: tuple[str | None, str]) -> list[Said]:
        join_ref, how = here
        if step.what == "phx_leave":
            del self.joined[step.topic]
            return [(ref, step.topic, "phx_reply", "ok"), (join_ref, step.topic, "phx_close", {})]
        if step.what == "access_token":
            if step.detail != "nonsense":
                return []
            del self.joined[step.topic]
            return [(join_ref, step.topic, "phx_close", {})]
        if self.is_heard(step):
            return [(ref, step.topic, "phx_reply", "ok")] if how in ("self", "ack") else []
        return [(ref, step.topic, "phx_reply", "error")]


def told(recorder: Recorder) -> list[Said]:
    """What the table is about, taken out of what was said; refusals' own words are the business of other tests."""
    said, recorder.said = recorder.said, []
    return [
        (ref, topic, event, {"code": "…"} if event == "phx_close" and detail else detail)
        for ref, topic, event, detail in said
        if event not in OWN_WORDS and event != "broadcast"
    ]


versions = st.sampled_from([V1, V2])
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@EXAMPLES
@given(serializer=versions, frames=steps_on(TOPICS))
def test_each_frame_is_answered_as_the_table_says(house: House, serializer: Serializer, frames: list[Step]) -> None:
    house.run(house.tidily(each_is_answered(house, serializer, frames)))


async def each_is_answered(house: House, serializer: Serializer, frames: list[Step]) -> None:
    listener, client = Client(*house.session(V2)), Client(*house.session(serializer))
    for topic in TOPICS:
        listener.send(Step("phx_join", topic, detail="plain"))
    await house.settle()
    listener.recorder.said.clear()
    table, heard, heard_self = Table(serializer is V2), 0, 0
    for step in frames:
        is_heard, how = table.is_heard(step), table.joined.get(step.topic, ("", ""))[1]
        ref = client.send(step)
        await house.settle()
        broadcasts = [said for said in client.recorder.said if said[2] == "broadcast"]
        answers = told(client.recorder)
        if step.what == "presence":
            answers = [(*answer[:3], "error") for answer in answers]
        assert answers == table.answers(step, ref), step
        assert len(broadcasts) == (is_heard and how == "self"), step
        heard += is_heard
        heard_self += len(broadcasts)
    assert [event for _, _, event, _ in listener.recorder.said if event == "broadcast"] == ["broadcast"] * heard
    assert client.recorder.closed is None


MUST_BE_ANSWERED = ("phx_leave", "dance", "kind 0")


@EXAMPLES
@given(serializer=versions, frames=steps_on((*TOPICS, *OF_A_ROOM)), goes_on=st.booleans())
def test_frames_that_come_all_at_once_are_answered_too_and_leave_nothing_behind(
    house: House, serializer: Serializer, frames: list[Step], goes_on: bool
) -> None:
    house.run(house.tidily(all_at_once(house, serializer, frames, goes_on=goes_on)))


async def all_at_once(house: House, serializer: Serializer, frames: list[Step], *, goes_on: bool) -> None:
    client = Client(*house.session(serializer), house.names)
    sent = [(step, client.send(step)) for step in frames]
    if goes_on:
        await house.settle()
        answered = [ref for ref, _, event, _ in client.recorder.said if event == "phx_reply" and ref is not None]
        closed = {ref for ref, _, event, _ in client.recorder.said if event == "phx_close"}
        assert len(answered) == len(set(answered))
        for number, (step, ref) in enumerate(sent):
            replaced = any(later.what == "phx_join" and later.topic == step.topic for later, _ in sent[number + 1 :])
            if ref is None or step.whose == "stale" or (replaced and step.what != "heartbeat"):
                continue
            dropped = step.what == "kind 0" and serializer is V1
            if step.what in ("phx_join", "heartbeat") or (step.what in MUST_BE_ANSWERED and not dropped):
                assert ref in answered or ref in closed, step
        client.recorder.said.clear()
        for topic in (*TOPICS, *OF_A_ROOM, *NOWHERE):
            ref = client.send(Step("dance", topic, "null"))
            await house.settle()
            replies = [said for said in told(client.recorder) if said[2] == "phx_reply"]
            assert replies == [(ref, house.names.get(topic, topic), "phx_reply", "error")]


@EXAMPLES
@given(
    serializer=versions,
    frames=st.lists(
        st.tuples(st.sampled_from((*TOPICS, *OF_A_ROOM)), st.sampled_from(EVENTS), odd_payloads),
        min_size=5,
        max_size=20,
    ),
)
def test_no_payload_makes_anything_fall_over(
    house: House, serializer: Serializer, frames: list[tuple[str, str, bytes]]
) -> None:
    house.run(house.tidily(odd(house, serializer, frames)))


async def odd(house: House, serializer: Serializer, frames: list[tuple[str, str, bytes]]) -> None:
    session, recorder = house.session(serializer)
    for topic in (*TOPICS, *house.names.values()):
        session.received(serializer.encode(Frame(b'"1"', b'"1"', topic, "phx_join", b"{}")), text=True)
    for topic, event, payload in frames:
        frame = Frame(b"null", b'"2"', house.names.get(topic, topic), event, payload)
        session.received(serializer.encode(frame), text=True)
        await house.settle()
    recorder.said.clear()
    session.received(serializer.encode(Frame(b"null", b'"3"', "phoenix", "heartbeat", b"{}")), text=True)
    assert [said for said in recorder.said if said[0] == "3"] == [("3", "phoenix", "phx_reply", "ok")]
    assert recorder.closed is None
