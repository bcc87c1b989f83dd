"""WebSocket frames and Phoenix messages, as little of them as a listener needs. Pure.

A frame of ours is masked with zeros: legal (RFC 6455 asks for a mask, not for a good one), and free.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from load.log import LoggedEvent

TEXT, CLOSE = 0x1, 0x8

NO_MASK: Final = b"\0\0\0\0"


class Message(msgspec.Struct, array_like=True, frozen=True):
    """One message of vsn 2.0.0."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: msgspec.Raw


class Chat(msgspec.Struct, frozen=True):
    """What of an event's payload the log keeps."""

    seq: int = 0
    prev: int = 0
    key: str = ""
    id: str = ""
    text: str = ""


class Position(msgspec.Struct, frozen=True):
    """Where a join stands."""

    epoch: str
    seq: int
    key: str


class Joined(msgspec.Struct, frozen=True):
    """What of a join's answer the log keeps."""

    position: Position
    events: list[tuple[str, msgspec.Raw]] = []
    reset: bool = False


class Refused(msgspec.Struct, frozen=True):
    """What of a refusal tells when to come again."""

    code: str = "internal"
    retry_after_ms: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """The payload of `phx_reply`."""

    status: str
    response: msgspec.Raw


class Frame(NamedTuple):
    """One frame of the server's."""

    kind: int
    payload: bytes


decode_message: Final = msgspec.json.Decoder(Message).decode
decode_reply: Final = msgspec.json.Decoder(Reply).decode
decode_joined: Final = msgspec.json.Decoder(Joined).decode
decode_refused: Final = msgspec.json.Decoder(Refused).decode
_decode_chat: Final = msgspec.json.Decoder(Chat).decode


def frames_in(data: bytes) -> Iterator[tuple[Frame, int]]:
    """Every whole frame in `data`, each with the offset behind it; what remains is the beginning of another."""
    at, end = 0, len(data)
    while end - at >= 2:
        size, head = data[at + 1] & 0x7F, 2
        if size == 126:
            if end - at < 4:
                return
            size, head = int.from_bytes(data[at + 2 : at + 4]), 4
        elif size == 127:
            if end - at < 10:
                return
            size, head = int.from_bytes(data[at + 2 : at + 10]), 10
        if end - at < head + size:
            return
        frame = Frame(data[at] & 0x0F, data[at + head : at + head + size])
        at += head + size
        yield frame, at


def text_frame(message: bytes) -> bytes:
    """A client's text frame."""
    size = len(message)
    if size < 126:
        return struct.pack("!BB", 0x81, 0x80 | size) + NO_MASK + message
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 0x80 | 126, size) + NO_MASK + message
    return struct.pack("!BBQ", 0x81, 0x80 | 127, size) + NO_MASK + message


def event_of(name: str, payload: bytes) -> LoggedEvent | None:
    """The event for the log; None for one that is not logged."""
    if b'"seq"' not in payload:
        return None
    chat = _decode_chat(payload)
    return LoggedEvent(name, chat.seq, chat.prev, chat.key, chat.id, chat.text) if chat.seq else None


def upgrade_request(host: str) -> bytes:
    """The handshake."""
    return (
        f"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def join_message(topic: str, token: str, after: Position | None) -> bytes:
    """`phx_join`; its reference is always 1, for there is one topic a socket."""
    payload: dict[str, object] = {"access_token": token}
    if after is not None:
        payload["after"] = after
    return msgspec.json.encode(["1", "1", topic, "phx_join", payload])


HEARTBEAT: Final = text_frame(b'[null,"0","phoenix","heartbeat",{}]')
