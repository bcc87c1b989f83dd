"""Whatever a client sends, all at once or in any shape: the session falls over at nothing and keeps nothing."""

from hypothesis import given
from hypothesis import strategies as st

from session_house import House, told
from session_steps import EXAMPLES, NOWHERE, OF_A_ROOM, TOPICS, Client, Step, steps_on, versions
from whatssound.wire.phoenix import V1, Frame, Serializer

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
