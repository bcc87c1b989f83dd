"""What a realtime topic is. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Final

from whatssound.ids import RoomId, parse_id
from whatssound.wire.realtime import MAX_TOPIC_BYTES

MAX_NAME_BYTES: Final = MAX_TOPIC_BYTES


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its name, without `realtime:`. The public and the private topic of one name are two topics."""

    name: str
    private: bool = False

    @property
    def wire(self) -> str:
        """How clients call it."""
        return f"realtime:{self.name}"

    @property
    def bus(self) -> str:
        """How processes call it between them."""
        return f"realtime:{'private' if self.private else 'public'}:{self.name}"

    @property
    def id(self) -> int:
        """A stable number of 63 bits, under which what is kept of the topic is stored."""
        return int.from_bytes(hashlib.sha256(self.bus.encode()).digest()[:8]) >> 1


def room_of(name: str) -> RoomId | None:
    """The room that the topic of this name is a view of, public or private; None for one that programs made up.

    `room:<id>` with the id spelled as we spell it; `room:lobby` and `room:007` are topics like any other.
    """
    text = name.removeprefix("room:")
    try:
        room = RoomId(parse_id(text))
    except ValueError:
        return None
    return room if name == f"room:{room}" else None
