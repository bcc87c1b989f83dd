"""Frames that a client may send, in any order, for tests of sessions: strategies, and a client that writes them."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from session_house import Recorder
from whatssound.gateway.session import Session
from whatssound.wire.phoenix import V1, V2

TOPICS = ("realtime:a", "realtime:b:c")
OF_A_ROOM = ("its room", "its view")
"""Of a room that each test has; by their own names on the wire."""

NOWHERE = ("realtime:", "room:nowhere", "lobby", "phoenix")


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


versions = st.sampled_from([V1, V2])
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
