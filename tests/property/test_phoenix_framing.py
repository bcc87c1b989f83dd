"""The framing takes back what it gave, and nothing at all makes it fall over."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whatssound.wire.phoenix import SERIALIZERS, V1, V2, Frame, MalformedFrame, Serializer, serializer_for, text_frame

names = st.text(max_size=60).filter(lambda text: len(text.encode("utf-8", "ignore")) <= 255 and text.isprintable())
references = st.one_of(st.just(b"null"), st.text(alphabet=st.characters(codec="utf-8"), max_size=20).map(json.dumps))
payloads = st.dictionaries(
    names, st.one_of(st.none(), st.integers(-(2**53), 2**53), names, st.lists(names)), max_size=5
)


frames = st.builds(
    lambda join_ref, ref, topic, event, payload: Frame(
        raw(join_ref), raw(ref), topic, event, json.dumps(payload).encode()
    ),
    references,
    references,
    names,
    names,
    payloads,
)


def raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda serializer: serializer.vsn)
@given(frames)
def test_a_frame_is_read_back_as_it_was_written(serializer: Serializer, frame: Frame) -> None:
    assert serializer.decode(serializer.encode(frame)) == frame


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda serializer: serializer.vsn)
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"[" * 60_000)
@example(b'[null,null,"t","e",' + b"[" * 60_000)
@example(b'["1","1","\\ud800","e",{}]')
@example(b'["\xff","1","t","e",{}]')
@example(b'["1","1","\xff","e",{}]')
@example(b'{"topic":"t","event":"e","ref":1}')
def test_any_bytes_are_a_frame_or_malformed(serializer: Serializer, text: bytes) -> None:
    try:
        frame = serializer.decode(text)
    except MalformedFrame:
        return
    json.loads(serializer.reply(frame.join_ref, frame.ref, frame.topic, ok=True, response=b"{}"))


@given(references, names, payloads)
def test_version_one_writes_a_ref_even_when_null_and_no_join_ref(ref: Any, topic: str, payload: dict[str, Any]) -> None:
    body = json.dumps(payload).encode()
    for message, expected in (
        (V1.reply(b'"7"', raw(ref), topic, ok=False, response=body), json.loads(ref)),
        (V1.push(b'"7"', topic, "phx_close", body), "7"),
        (V1.push(b'"7"', topic, "system", body), None),
        (V1.broadcast(topic, "chat", body), None),
    ):
        read = json.loads(message)
        assert set(read) == {"ref", "topic", "event", "payload"}
        assert read["ref"] == expected


def test_version_two_answers_in_five_places() -> None:
    assert V2.reply(b'"1"', b'"2"', "t", ok=True, response=b"{}") == (
        b'["1","2","t","phx_reply",{"status":"ok","response":{}}]'
    )
    assert V2.push(b'"1"', "t", "phx_close", b"{}") == b'["1",null,"t","phx_close",{}]'
    assert V2.broadcast("t", "chat", b"{}") == b'[null,null,"t","chat",{}]'


def test_references_are_echoed_byte_for_byte() -> None:
    frame = V2.decode(b'["\\u00e9","a\\/b","t","e",{},"more","items"]')
    assert V2.reply(frame.join_ref, frame.ref, "t", ok=True, response=b"{}").startswith(b'["\\u00e9","a\\/b",')


def test_version_one_fills_in_what_old_clients_leave_out() -> None:
    assert V1.decode(b'{"topic":"t","event":"e"}') == Frame(b"null", b"null", "t", "e", b"{}")


@pytest.mark.parametrize(
    "text", [b'[1,"1","t","e",{}]', b'["1","1","t","e"]', b'[null,null,"%b","e",{}]' % (b"x" * 256), b"{}", b"3"]
)
def test_what_is_no_frame_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedFrame):
        V2.decode(text)


@pytest.mark.parametrize(
    ("vsn", "serializer"),
    [(None, V1), ("", V1), ("1.0.0", V1), ("2.0.0", V2), ("2.1", V2), ("3.0.0", None), ("x", None)],
)
def test_the_version_is_chosen_by_its_first_number(vsn: str | None, serializer: Serializer | None) -> None:
    assert serializer_for(vsn) is serializer


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_text_frame_carries_its_length(size: int, head: bytes) -> None:
    frame = text_frame(b"x" * size)
    assert frame.startswith(head)
    assert len(frame) == len(head) + size
