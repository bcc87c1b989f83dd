"""An event as the room log keeps it: its name, a line feed, its JSON payload.

The log knows nothing of JSON, and the hub splices `seq`, `prev` and `key` in front of the payload's
fields, so that an event is encoded once however many logs, hubs and sockets it passes.
"""

import msgspec

_encode = msgspec.json.Encoder().encode


def encode_record(name: str, payload: msgspec.Struct | dict[str, object]) -> bytes:
    """The bytes to append for the event `name`. The payload encodes to a JSON object."""
    return name.encode() + b"\n" + _encode(payload)


def decode_record(record: bytes) -> tuple[str, bytes]:
    """The event's name and its JSON payload."""
    name, _, payload = record.partition(b"\n")
    return name.decode(), payload


def with_position(payload: bytes, *, seq: int, prev: int, key: str) -> bytes:
    """The JSON object `payload` with the log's position written in front of its fields."""
    head = b'{"seq":%d,"prev":%d,"key":"%s"' % (seq, prev, key.encode())
    return head + (b"}" if payload == b"{}" else b"," + payload[1:])
