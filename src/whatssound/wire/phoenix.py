"""Phoenix channels' framing, serializer versions 1.0.0 (objects) and 2.0.0 (arrays). Pure.

Payloads pass as raw JSON, so that a gateway decodes only what it acts on and encodes an event once for all.
References are kept as the JSON that the client sent, and echoed byte for byte: clients compare them as strings.
"""

import struct
from typing import ClassVar, Final, Protocol

import msgspec

Json = bytes
"""Bytes that hold one JSON value."""

NULL: Final[Json] = b"null"
EMPTY: Final[Json] = b"{}"

MAX_NAME_BYTES = 255
"""Longest topic, event or reference: binary frames count them in one byte."""

_encode = msgspec.json.Encoder().encode


class MalformedFrame(ValueError):
    """Bytes that are no frame: the sender is told nothing, the connection stays."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of a channel. `join_ref`, `ref` and `payload` are raw JSON."""

    join_ref: Json
    ref: Json
    topic: str
    event: str
    payload: Json


class Serializer(Protocol):
    """One version of the framing. Everything it returns is the text of one WebSocket message."""

    vsn: ClassVar[str]
    """The version's name, as clients ask for it."""

    def decode(self, text: bytes) -> Frame:
        """The frame in `text`. Raises MalformedFrame for anything else, however broken."""
        ...

    def encode(self, frame: Frame) -> bytes:
        """What a client would send for `frame`."""
        ...

    def reply(self, join_ref: Json, ref: Json, topic: str, *, ok: bool, response: Json) -> bytes:
        """The answer to the message `ref`; `response` is a JSON object."""
        ...

    def push(self, join_ref: Json, topic: str, event: str, payload: Json) -> bytes:
        """An event for one channel, such as `phx_close`, addressed by its `join_ref`."""
        ...

    def broadcast(self, topic: str, event: str, payload: Json) -> bytes:
        """An event for every channel of `topic`: the same bytes for all of them."""
        ...


class _Array(msgspec.Struct, array_like=True, frozen=True, gc=False):
    join_ref: msgspec.Raw
    ref: msgspec.Raw
    topic: str
    event: str
    payload: msgspec.Raw


class _Object(msgspec.Struct, frozen=True, gc=False):
    topic: str
    event: str
    payload: msgspec.Raw = msgspec.Raw(EMPTY)
    ref: msgspec.Raw = msgspec.Raw(NULL)
    join_ref: msgspec.Raw = msgspec.Raw(NULL)


class _V1:
    """Objects `{topic, event, payload, ref, join_ref}`; the server's have no `join_ref` and always a `ref`."""

    vsn: ClassVar[str] = "1.0.0"
    _decode = msgspec.json.Decoder(_Object).decode

    def decode(self, text: bytes) -> Frame:
        try:
            read = self._decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as problem:
            raise MalformedFrame(str(problem)) from problem
        return _checked(read)

    def encode(self, frame: Frame) -> bytes:
        return b'{"topic":%b,"event":%b,"payload":%b,"ref":%b,"join_ref":%b}' % (
            _encode(frame.topic),
            _encode(frame.event),
            frame.payload,
            frame.ref,
            frame.join_ref,
        )

    def reply(self, join_ref: Json, ref: Json, topic: str, *, ok: bool, response: Json) -> bytes:
        del join_ref  # this version does not carry it
        return self._message(ref, topic, "phx_reply", _outcome(ok, response))

    def push(self, join_ref: Json, topic: str, event: str, payload: Json) -> bytes:
        ref = join_ref if event in ("phx_close", "phx_error") else NULL  # PyPI's `realtime` drops any other with one
        return self._message(ref, topic, event, payload)

    def broadcast(self, topic: str, event: str, payload: Json) -> bytes:
        return self._message(NULL, topic, event, payload)

    @staticmethod
    def _message(ref: Json, topic: str, event: str, payload: Json) -> bytes:
        return b'{"ref":%b,"topic":%b,"event":%b,"payload":%b}' % (ref, _encode(topic), _encode(event), payload)


class _V2:
    """Arrays `[join_ref, ref, topic, event, payload]`; more items may follow and are ignored."""

    vsn: ClassVar[str] = "2.0.0"
    _decode = msgspec.json.Decoder(_Array).decode

    def decode(self, text: bytes) -> Frame:
        try:
            read = self._decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as problem:
            raise MalformedFrame(str(problem)) from problem
        return _checked(read)

    def encode(self, frame: Frame) -> bytes:
        return self._message(frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload)

    def reply(self, join_ref: Json, ref: Json, topic: str, *, ok: bool, response: Json) -> bytes:
        return self._message(join_ref, ref, topic, "phx_reply", _outcome(ok, response))

    def push(self, join_ref: Json, topic: str, event: str, payload: Json) -> bytes:
        return self._message(join_ref, NULL, topic, event, payload)

    def broadcast(self, topic: str, event: str, payload: Json) -> bytes:
        return self._message(NULL, NULL, topic, event, payload)

    @staticmethod
    def _message(join_ref: Json, ref: Json, topic: str, event: str, payload: Json) -> bytes:
        return b"[%b,%b,%b,%b,%b]" % (join_ref, ref, _encode(topic), _encode(event), payload)


V1: Final[Serializer] = _V1()
V2: Final[Serializer] = _V2()
SERIALIZERS: Final[tuple[Serializer, ...]] = (V1, V2)


def serializer_for(vsn: str | None) -> Serializer | None:
    """The serializer for a `vsn` query parameter: 1.x, 2.x, or 1.0.0 when absent; None for any other."""
    major = (vsn or V1.vsn).partition(".")[0]
    return {"1": V1, "2": V2}.get(major)


def text_frame(message: bytes) -> bytes:
    """`message` as a whole, unmasked WebSocket text frame (RFC 6455), ready for any number of sockets."""
    return _whole_frame(0x81, message)


def binary_frame(message: bytes) -> bytes:
    """`message` as a whole, unmasked binary WebSocket frame."""
    return _whole_frame(0x82, message)


def _whole_frame(head: int, message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return bytes((head, size)) + message
    if size < 1 << 16:
        return struct.pack("!BBH", head, 126, size) + message
    return struct.pack("!BBQ", head, 127, size) + message


def _outcome(ok: bool, response: Json) -> Json:
    return b'{"status":"%b","response":%b}' % (b"ok" if ok else b"error", response)


def _checked(read: _Array | _Object) -> Frame:
    return Frame(
        join_ref=_reference(read.join_ref),
        ref=_reference(read.ref),
        topic=_name(read.topic),
        event=_name(read.event),
        payload=bytes(read.payload),
    )


def _reference(raw: msgspec.Raw) -> Json:
    """A reference is a string or null, and short: it is sent back as it came, so it has to be UTF-8."""
    json = bytes(raw)
    if json == NULL:
        return json
    if json[:1] != b'"' or len(json) > MAX_NAME_BYTES + 2 or not _is_utf8(json):
        raise MalformedFrame("a reference is a short string or null")
    return json


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _name(text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise MalformedFrame(f"a topic or event has at most {MAX_NAME_BYTES} bytes")
    return text
