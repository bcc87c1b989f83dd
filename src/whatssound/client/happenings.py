"""What a room tells whoever listens: the events of the wire, and how this listener itself stands. Pure."""

from typing import Any, Final

import msgspec

from whatssound.wire import events
from whatssound.wire.commands import Position


class Joined(msgspec.Struct, frozen=True):
    """In the room again after the connection was lost.

    `resumed`: nothing is missing, the events in between follow. Otherwise they are not known any more: `Room` shows
    the room as it is now, and `Room.history` has what was said meanwhile.
    """

    resumed: bool


class Lost(msgspec.Struct, frozen=True):
    """The connection is lost; it comes back by itself and `Joined` says so."""


class Reactions(msgspec.Struct, frozen=True):
    """Event `reactions`, unlogged: how often each emoji was sent in the last moment."""

    counts: dict[str, int]


class Unknown(msgspec.Struct, frozen=True):
    """An event that this version does not know."""

    name: str
    payload: dict[str, Any]


RoomEvent = (
    events.Chat
    | events.ChatEdited
    | events.ChatDeleted
    | events.Playback
    | events.Queue
    | events.RoomState
    | events.Member
    | events.Listeners
    | events.Typing
    | Reactions
    | Joined
    | Lost
    | Unknown
)
"""What `Room.events()` yields."""


class JoinReply(msgspec.Struct, frozen=True):
    """The answer to a join."""

    room: events.RoomState
    playback: events.Playback
    queue: events.Queue
    listeners: int
    position: Position
    messages: list[events.Message]
    me: events.Member | None = None
    events: list[tuple[str, msgspec.Raw]] = []
    reset: bool = False


class Logged(msgspec.Struct, frozen=True):
    """Where an event stands in the room's log; `seq` 0 when it is not logged."""

    seq: int = 0
    prev: int = 0
    key: str = ""


decode_reply: Final = msgspec.json.Decoder(JoinReply).decode
decode_logged: Final = msgspec.json.Decoder(Logged).decode

_KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "chat": events.Chat,
    "chat_edited": events.ChatEdited,
    "chat_deleted": events.ChatDeleted,
    "playback": events.Playback,
    "queue": events.Queue,
    "room": events.RoomState,
    "member": events.Member,
    "listeners": events.Listeners,
    "typing": events.Typing,
}
_DECODE: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()
}


def event_of(name: str, payload: bytes) -> RoomEvent:
    """The event `name`. Raises msgspec.ValidationError when it is not what it says."""
    if name == "reactions":
        return Reactions(msgspec.json.decode(payload, type=dict[str, int]))
    decoder = _DECODE.get(name)
    return (
        Unknown(name, msgspec.json.decode(payload, type=dict[str, Any])) if decoder is None else decoder.decode(payload)
    )
