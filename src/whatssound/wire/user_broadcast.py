"""Broadcasts in binary frames, as Supabase's serializer 2.0.0 has them: kind 3 from a client, kind 4 to one. Pure.

All sizes are one byte and count UTF-8 bytes; strings follow in the order of their sizes, the rest is the payload.
"""

from enum import IntEnum
from typing import Final

import msgspec

from whatssound.wire.phoenix import EMPTY, MAX_NAME_BYTES, NULL, Frame, Json, MalformedFrame

JSON_ENCODING: Final = 1
BINARY_ENCODING: Final = 0

_encode: Final = msgspec.json.Encoder().encode


class Kind(IntEnum):
    """What a binary frame is, by its first byte; 1 (reply) and 2 (broadcast) come from servers only."""

    PHOENIX_PUSH = 0
    USER_BROADCAST_PUSH = 3
    USER_BROADCAST = 4


class UserPush(Frame, frozen=True, gc=False):
    """Kind 3: the same as the event `broadcast` with `{type: "broadcast", event: user_event, payload}`.

    `payload` is what the application sends: JSON when `is_json`, otherwise any bytes.
    """

    user_event: str
    metadata: Json
    """A JSON object; empty when the client sent none."""
    is_json: bool


class PhoenixPush(Frame, frozen=True, gc=False):
    """Kind 0: an event of phoenix.js whose payload is any bytes. Nothing here takes one."""


def decode_binary(message: bytes) -> Frame:
    """A `UserPush` or a `PhoenixPush`. Raises MalformedFrame for anything else, however broken."""
    if message[:1] == bytes((Kind.USER_BROADCAST_PUSH,)):
        return _user_push(message)
    if message[:1] == bytes((Kind.PHOENIX_PUSH,)):
        (join_ref, ref, topic, event), payload = _strings(message, sizes=message[1:5], count=4, at=5)
        return PhoenixPush(_reference(join_ref), _reference(ref), topic, event, payload)
    raise MalformedFrame("no kind of binary frame that a client sends")


def user_broadcast(
    topic: str, user_event: str, payload: bytes, *, metadata: Json = b"", is_json: bool = False
) -> bytes:
    """Kind 4. Raises ValueError when a name or the metadata has more than 255 bytes."""
    parts = (topic.encode(), user_event.encode(), metadata)
    if any(len(part) > MAX_NAME_BYTES for part in parts):
        raise ValueError(f"a name and the metadata of a binary frame have at most {MAX_NAME_BYTES} bytes")
    encoding = JSON_ENCODING if is_json else BINARY_ENCODING
    return b"".join((bytes((Kind.USER_BROADCAST, *map(len, parts), encoding)), *parts, payload))


def _user_push(message: bytes) -> UserPush:
    encoding = message[6:7]  # between the sizes and the strings
    if encoding not in (bytes((BINARY_ENCODING,)), bytes((JSON_ENCODING,))):
        raise MalformedFrame("an encoding is 0 or 1")
    is_json = encoding[0] == JSON_ENCODING
    (join_ref, ref, topic, event, metadata), payload = _strings(message, sizes=message[1:6], count=5, at=7)
    return UserPush(
        join_ref=_reference(join_ref),
        ref=_reference(ref),
        topic=topic,
        event="broadcast",
        payload=EMPTY if is_json and not payload else payload,
        user_event=event,
        metadata=metadata.encode(),
        is_json=is_json,
    )


def _strings(message: bytes, *, sizes: bytes, count: int, at: int) -> tuple[list[str], bytes]:
    """`count` strings of `sizes` that begin at `at`, and the rest."""
    if len(sizes) < count or at + sum(sizes) > len(message):
        raise MalformedFrame("a binary frame that breaks off")
    found: list[str] = []
    for size in sizes:
        try:
            found.append(message[at : at + size].decode())
        except UnicodeDecodeError as problem:
            raise MalformedFrame("a name in a binary frame is no UTF-8") from problem
        at += size
    return found, message[at:]


def _reference(text: str) -> Json:
    """As a text frame would have it: clients leave it empty when it is null."""
    return _encode(text) if text else NULL
