"""Which of many rooms went on without us: asked of the server at the price of those that did."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from whatssound.adapters.nats.reading import StreamReader
from whatssound.adapters.nats.stream import room_subject
from whatssound.bus.log import LogPosition
from whatssound.ids import RoomId

WHOLE: Final = 256
"""Rooms asked after whatever is known of them, in turn: so many newest events are what one look may cost at rest."""

AT_ONCE: Final = 1_000
"""Rooms in one question otherwise; the server refuses more than 1,024."""


class Looks(NamedTuple):
    """What was asked, and what the answers carried."""

    rooms: int
    events: int


class MovedRooms:
    """Remembers up to which number the stream was seen to hold nothing new of a room, and asks for what came after.

    Each answer says how far its server looked: one that lags is believed no further. A room that has moved is told
    again until its reader has followed. A few rooms are asked after without that memory, in turn: it would be wrong
    after a store was put back from a copy. Bounded by the rooms asked after last time.
    """

    def __init__(self, reader: StreamReader, name: str) -> None:
        self._reader = reader
        self._name = name
        self._epoch = ""
        self._clear: dict[RoomId, int] = {}
        self._turn = 0
        self._rooms = self._events = 0

    async def of(self, epoch: str, cursors: Mapping[RoomId, LogPosition]) -> dict[RoomId, LogPosition]:
        """The rooms that are somewhere else than their cursor, and where. Raises LogUnavailable."""
        self._begin(epoch, cursors)
        self._rooms += len(cursors)
        moved: dict[RoomId, LogPosition] = {}
        unknown = [room for room in cursors if room not in self._clear]
        for start in range(0, len(unknown), WHOLE):
            await self._ask({room: cursors[room] for room in unknown[start : start + WHOLE]}, 0, moved)
        floors = {room: max(seq, cursors[room].seq) for room, seq in self._clear.items()}
        known = sorted(floors.keys() - set(unknown), key=floors.__getitem__)
        for start in range(0, len(known), AT_ONCE):
            chunk = known[start : start + AT_ONCE]
            await self._ask({room: cursors[room] for room in chunk}, floors[chunk[0]], moved)
        return moved

    def looks(self) -> Looks:
        """What it cost until now."""
        return Looks(self._rooms, self._events)

    def _begin(self, epoch: str, cursors: Mapping[RoomId, LogPosition]) -> None:
        """Forget who is not asked after any more, and those whose turn it is."""
        if epoch != self._epoch:
            self._epoch, self._clear = epoch, {}
        first = self._turn % max(len(cursors), 1)
        self._turn = first + WHOLE
        turn = {*islice(cursors, first, self._turn), *islice(cursors, max(0, self._turn - len(cursors)))}
        self._clear = {room: seq for room, seq in self._clear.items() if room in cursors and room not in turn}

    async def _ask(
        self, cursors: Mapping[RoomId, LogPosition], after_seq: int, moved: dict[RoomId, LogPosition]
    ) -> None:
        """One question: notes in `moved` who has moved, and of the others how far that was seen."""
        answer = await self._reader.newest_of(self._subjects(cursors), after_seq=after_seq)
        self._events += len(answer.events)
        found = {event.room: event.position(self._epoch) for event in answer.events}
        for room, cursor in cursors.items():
            position = found.get(room)
            if cursor.epoch != self._epoch:
                moved[room] = position or LogPosition(self._epoch, 0, "")
            elif position is not None and is_beyond(position, cursor):
                moved[room] = position
            elif answer.up_to_seq:
                self._clear[room] = max(answer.up_to_seq, self._clear.get(room, 0))

    def _subjects(self, rooms: Mapping[RoomId, LogPosition]) -> Sequence[str]:
        return [room_subject(self._name, self._epoch, room) for room in rooms]


def is_beyond(position: LogPosition, cursor: LogPosition) -> bool:
    """Whether `position`, of the same epoch, is of an event that `cursor` does not know; one behind it says nothing."""
    return position.seq > cursor.seq or (position.seq == cursor.seq and position.key != cursor.key)
