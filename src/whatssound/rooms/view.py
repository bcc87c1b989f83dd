"""A room as a join shows it."""

from dataclasses import dataclass
from typing import Final

from whatssound.rooms.door import Door
from whatssound.rooms.parts import Snapshot
from whatssound.wire import events

SHOWN_MESSAGES: Final = 50
"""How much of the chat a join reply shows."""


@dataclass(frozen=True, slots=True)
class RoomView:
    """All that a join needs of a room, the same for everybody who joins in this moment."""

    snapshot: Snapshot
    messages: list[events.Message]
    """The newest 50, newest first."""
    door: Door
