"""A broadcast on its way between processes, and who sends it there."""

from typing import Final, NamedTuple

import msgspec

from whatssound.bus.bus import Bus
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.topics import Topic
from whatssound.wire.phoenix import Json


class Sender(NamedTuple):
    """One channel of one process, which does not hear what it sent."""

    node: str
    channel: int


class Broadcast(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What everybody on a topic hears.

    JSON: `payload` is the whole payload of the event, `{"type":"broadcast","event",…}`, as clients get it.
    Binary: `payload` is any bytes, `meta` a JSON object or nothing; only sockets that understand kind 4 hear it.
    """

    event: str
    payload: bytes
    is_json: bool = True
    meta: Json = b""
    id: str = ""
    """Of one that was kept, so that who had it replayed does not hear it twice."""
    not_to: Sender | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
decode_broadcast: Final = msgspec.msgpack.Decoder(Broadcast).decode


def publish(bus: Bus, topic: Topic, broadcast: Broadcast) -> None:
    """Tell everybody on `topic`, in every process; at most once. Raises RealtimeRefusal when it is known to be lost."""
    message = _encode(broadcast)
    if len(message) > bus.largest_bytes:
        reason = f"What processes tell each other has at most {bus.largest_bytes} bytes."
        raise RealtimeRefusal("too_large", reason, error="payload_size_exceeded")
    if not bus.publish(topic.bus, message):
        raise RealtimeRefusal("unavailable", "Other processes cannot be reached just now.", retry_after_ms=1_000)
