"""What Supabase's clients may send, and everything else: read or dropped, and what goes on to others is in order."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whatssound.wire import realtime as wire
from whatssound.wire.phoenix import SERIALIZERS, V2, Frame, MalformedFrame, Serializer
from whatssound.wire.rest_broadcast import BatchRefused, read_batch
from whatssound.wire.user_broadcast import UserPush, decode_binary, user_broadcast

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
KEYS = ("config", "broadcast", "presence", "postgres_changes", "private", "ack", "self", "replay", "since", "limit")
KEYS += ("key", "enabled", "access_token", "user_token", "event", "payload", "type", "messages", "topic", "id")
familiar = st.recursive(
    st.one_of(values, st.sampled_from(["true", "FALSE", "track", 25, 0, "sb_x"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """JSON with a piece of it replaced by some bytes: nearly right is worse than wrong."""
    whole = json.dumps(draw(familiar), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    begin = draw(st.integers(0, len(whole)))
    end = draw(st.integers(begin, min(len(whole), begin + 4)))
    odd = st.sampled_from([b"NaN", b"Infinity", b"\\ud800", b"\xff", b"\xed\xa0\x80", b"1e999", b",", b'"', b"\x00"])
    return whole[:begin] + draw(st.one_of(st.just(whole[begin:end]), odd, st.binary(max_size=3))) + whole[end:]


anything = st.one_of(spoiled(), st.binary(max_size=60))


def strictly(text: bytes) -> Any:
    """What these bytes are as JSON, by the letter of RFC 8259. Raises ValueError or RecursionError."""

    def no_such_number(name: str) -> Any:
        raise ValueError(name)

    return json.loads(text.decode(), parse_constant=no_such_number)


@given(anything)
@example(b"")
@example(b"\x03\xff\xff\xff\xff\xff\x01")
@example(b"\x03\x01\x01\x0a\x02\x15\x0112realtime:r\xc3\xa9" + b'{"persist":{"ttl":5}}{"x":1}')
def test_any_bytes_are_a_binary_frame_that_is_written_again_as_it_was_or_malformed(message: bytes) -> None:
    for whole in (message, b"\x03" + message, b"\x00" + message):
        try:
            frame = decode_binary(whole)
        except MalformedFrame:
            continue
        names = [_text(frame.join_ref), _text(frame.ref), frame.topic.encode()]
        if isinstance(frame, UserPush):
            names += [frame.user_event.encode(), frame.metadata]
            head = bytes((3, *map(len, names), frame.is_json))
            empty = frame.is_json and frame.payload == b"{}"  # a missing payload is an empty object
            assert whole in (head + b"".join(names) + frame.payload, *([head + b"".join(names)] if empty else []))
        else:
            names.append(frame.event.encode())
            assert whole == bytes((0, *map(len, names))) + b"".join(names) + frame.payload
        for serializer in SERIALIZERS:
            strictly(serializer.reply(frame.join_ref, frame.ref, frame.topic, ok=True, response=b"{}"))


def _text(reference: bytes) -> bytes:
    return b"" if reference == b"null" else json.loads(reference).encode()


names = texts.filter(lambda text: len(text.encode()) <= 255)


@given(names, names, st.binary(max_size=50), st.dictionaries(texts, values, max_size=2), st.booleans())
def test_kind_4_is_read_as_realtime_js_reads_it(
    topic: str, event: str, payload: bytes, meta: dict[str, Any], is_json: bool
) -> None:
    metadata = json.dumps(meta).encode() if meta else b""
    if len(metadata) > 255:
        with pytest.raises(ValueError, match="at most 255"):
            user_broadcast(topic, event, payload, metadata=metadata, is_json=is_json)
        return
    message = user_broadcast(topic, event, payload, metadata=metadata, is_json=is_json)
    kind, topic_size, event_size, metadata_size, encoding = message[:5]
    rest = message[5:]
    assert (kind, encoding) == (4, is_json)
    assert rest[:topic_size].decode() == topic
    assert rest[topic_size:][:event_size].decode() == event
    assert rest[topic_size + event_size :][:metadata_size] == metadata
    assert rest[topic_size + event_size + metadata_size :] == payload


@given(anything)
@example(b"[" * 100_000)
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":1,"a":2}')
@example(b"\xff")
def test_what_is_taken_for_json_is_json_for_everybody(payload: bytes) -> None:
    if wire.is_json(payload):
        strictly(payload)
        for serializer in SERIALIZERS:
            strictly(serializer.broadcast("realtime:t", "broadcast", payload))
            strictly(serializer.broadcast("realtime:t", "broadcast", wire.broadcast("é", payload, b'{"id":"1"}')))


@given(values)
def test_what_a_client_writes_as_json_is_taken(value: Any) -> None:
    assert wire.is_json(json.dumps(value).encode())
    assert wire.is_json(json.dumps(value, ensure_ascii=False).encode())


@given(st.one_of(anything, familiar.map(lambda value: json.dumps(value).encode())))
@example(b'{"config":{"postgres_changes":[{"event":"\xff"}]}}')
@example(b'{"config":{"postgres_changes":[{"\\ud800":1}]}}')
@example(b'{"config":{"postgres_changes":[' + b"[" * 5_000 + b"]" * 5_000 + b"]}}")
@example(b'{"config":' + b'{"broadcast":' * 3_000)
def test_a_join_with_nonsense_in_it_is_joined_and_answered_in_order(payload: bytes) -> None:
    config = wire.read_join(payload)
    assert isinstance(config.private, bool)
    reply = strictly(V2.reply(b"null", b"null", "t", ok=True, response=wire.joined(config.postgres_changes)))
    answered = reply[4]["response"]["postgres_changes"]
    assert len(answered) == len(config.postgres_changes or ())
    for item in answered:
        assert 0 <= item["id"] < 2**27
        assert isinstance(item["id"], int)


@given(st.lists(st.dictionaries(texts, values, max_size=4), max_size=4))
def test_database_changes_come_back_as_they_were_asked_for_with_an_id(asked: list[dict[str, Any]]) -> None:
    payload = json.dumps({"config": {"postgres_changes": asked}}).encode()
    answered = strictly(wire.joined(wire.read_join(payload).postgres_changes))["postgres_changes"]
    assert [{name: value for name, value in item.items() if name != "id"} for item in answered] == [
        {name: value for name, value in item.items() if name != "id"} for item in asked
    ]


@given(anything)
def test_other_payloads_are_understood_or_not_but_never_raise(payload: bytes) -> None:
    said = wire.read_broadcast(payload)
    assert said is None or said.event.encode() is not None
    command = wire.read_presence(payload)
    assert command is None or command.event == command.event.lower()
    token = wire.read_token(payload)
    assert token is None or token.encode() is not None


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda serializer: serializer.vsn)
@given(anything)
def test_any_text_is_a_frame_whose_answer_is_in_order_or_malformed(serializer: Serializer, text: bytes) -> None:
    whole = (b'["1","2","realtime:t","broadcast",%b]', b'{"topic":"t","event":"e","payload":%b}')[
        serializer.vsn[0] == "1"
    ]
    for message in (text, whole % text):
        try:
            frame = serializer.decode(message)
        except MalformedFrame:
            continue
        assert isinstance(frame, Frame)
        strictly(serializer.reply(frame.join_ref, frame.ref, frame.topic, ok=False, response=b"{}"))


@given(st.one_of(anything, st.lists(familiar, max_size=3).map(lambda many: json.dumps({"messages": many}).encode())))
@example(b'{"messages":[{"topic":"t","event":"e","payload":{"a":"\xff"}}]}')
def test_any_body_is_a_batch_or_refused_with_what_is_wrong(body: bytes) -> None:
    try:
        batch = read_batch(body, payload_bytes=40)
    except BatchRefused as refused:
        json.dumps(refused.errors)
        return
    for message in batch:
        assert message.topic.strip()
        assert message.event.strip()
        assert isinstance(strictly(message.payload), dict)
        strictly(wire.broadcast(message.event, message.payload))
