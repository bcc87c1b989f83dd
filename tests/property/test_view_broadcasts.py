"""Whatever a client sends to a view of a room, it is a chat line or it is refused."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from whatssound.gateway.view_channel import _chat_line, _read
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Frame, Json
from whatssound.wire.user_broadcast import PhoenixPush, UserPush

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "nonce", "reply_to", "payload"]), inner),
    max_leaves=8,
)
LINES = st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "nonce", "reply_to"), VALUES))
SAID = st.fixed_dictionaries(
    {}, optional={"type": VALUES, "event": st.just("chat") | VALUES, "payload": LINES | VALUES}
)


def understood(frame: Frame) -> Any:
    """What is said, or None when it was refused."""
    try:
        return _chat_line(_read(frame).payload)
    except Refusal as refusal:
        return _check(refusal)


def _check(refusal: Refusal) -> None:
    assert refusal.code == "invalid"
    json.dumps(refusal.as_reply())


def text(payload: Json) -> Frame:
    return Frame(b'"1"', b'"2"', "realtime:room:7", "broadcast", payload)


@given(SAID)
def test_a_text_frame(said: dict[str, Any]) -> None:
    line = understood(text(json.dumps(said).encode()))
    if line is not None:
        payload = said["payload"]
        assert (line.text, line.nonce, line.reply_to) == (
            payload["text"],
            payload.get("nonce"),
            payload.get("reply_to"),
        )


@given(st.binary() | LINES.map(lambda line: json.dumps(line).encode()), st.booleans())
def test_a_binary_frame(payload: bytes, is_json: bool) -> None:
    push = UserPush(b'"1"', b'"2"', "realtime:room:7", "broadcast", payload, "chat", b"", is_json)
    line = understood(push)
    assert is_json or line is None
    assert understood(PhoenixPush(b'"1"', b'"2"', "realtime:room:7", "broadcast", payload)) is None


@given(st.binary())
def test_bytes_that_are_no_json(payload: bytes) -> None:
    understood(text(payload))


def test_what_is_nested_too_deep() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert understood(text(deep)) is None
    assert understood(text(b'{"event":"chat","payload":{"text":%b}}' % deep)) is None
