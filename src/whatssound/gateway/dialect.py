"""How a room's events are put to a client: as they are, or as Supabase's broadcasts. Pure.

A channel of `realtime:room:<id>` hears the events of `room:<id>` as broadcasts of the same names. Channels of one
dialect get the same bytes.
"""

from dataclasses import dataclass
from typing import Final

from whatssound.wire import realtime
from whatssound.wire.phoenix import SERIALIZERS, Json, Serializer, text_frame


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """A serializer, and whether events are broadcasts. There is one object of each, and it is compared as such."""

    serializer: Serializer
    is_view: bool

    def frame(self, topic: str, name: str, payload: Json, meta: Json = b"") -> bytes:
        """The WebSocket frame that tells of the event `name` of `topic`, `room:<id>`; only views tell `meta`."""
        if self.is_view:
            topic, name, payload = realtime.PREFIX + topic, "broadcast", realtime.broadcast(name, payload, meta)
        return text_frame(self.serializer.broadcast(topic, name, payload))


_PLAIN: Final = {serializer.vsn: Dialect(serializer, is_view=False) for serializer in SERIALIZERS}
_VIEW: Final = {serializer.vsn: Dialect(serializer, is_view=True) for serializer in SERIALIZERS}


def plain(serializer: Serializer) -> Dialect:
    """What channels of `room:<id>` hear."""
    return _PLAIN[serializer.vsn]


def view(serializer: Serializer) -> Dialect:
    """What channels of `realtime:room:<id>` hear."""
    return _VIEW[serializer.vsn]
