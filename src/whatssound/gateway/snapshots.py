"""What a room shows to everybody who joins it at one position: looked up once, encoded once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from whatssound.bus.log import LogPosition
from whatssound.gateway.channel import encode_json
from whatssound.gateway.dialect import Dialect
from whatssound.gateway.tail import TailEvent
from whatssound.ids import RoomId
from whatssound.messages.coalesce import SingleFlight
from whatssound.rooms.view import RoomView
from whatssound.wire import events
from whatssound.wire.phoenix import Json

LIFE_MS: Final = 1_000
"""How long a room is shown as it was looked up: the most by which a join is late for what no event tells of, such as
the name of a deleted account."""

NOWHERE: Final = LogPosition("", 0, "")

KEPT_ROOMS: Final = 500
"""Rooms whose snapshot is kept, 10 to 100 KB each."""


class SnapshotStatistics(NamedTuple):
    """How often joins were answered from what was there."""

    kept: int
    looked_up: int
    reused: int


@dataclass(frozen=True, slots=True)
class JoinSnapshot:
    """A room at a position of its log: who may come in, and the beginning of every reply."""

    position: LogPosition
    view: RoomView
    head: Json
    """`{"room": …, "playback": …, "queue": …, "position": …, "messages": […]`, without its end."""
    read_ms: float
    _states: dict[Dialect, bytes] = field(default_factory=dict[Dialect, bytes])

    def reply(self, *, listeners: int, me: events.Member | None, missed: Sequence[TailEvent] | None) -> Json:
        """The whole reply for one client, which has `missed` these events, or starts over when that is not known."""
        if missed is None:
            rest: Json = b'"reset":true}'
        else:
            rest = b'"events":[%b]}' % b",".join(
                b'["%b",%b]' % (event.name.encode(), event.payload) for event in missed
            )
        return b'%b,"listeners":%d,"me":%b,%b' % (self.head, listeners, encode_json(me), rest)

    def state(self, dialect: Dialect) -> bytes:
        """The room's parts as the events `room`, `playback` and `queue`: frames, one after another."""
        frames = self._states.get(dialect)
        if frames is None:
            shown = self.view.snapshot
            topic = f"room:{shown.room.id}"
            parts = (("room", shown.room), ("playback", shown.playback), ("queue", shown.queue))
            frames = b"".join(dialect.frame(topic, name, encode_json(part)) for name, part in parts)
            self._states[dialect] = frames
        return frames


class JoinSnapshots:
    """Joins of one room at one position share one look at it, and its bytes.

    `look` answers what was true at some moment after it was called. Whoever asks at position P gets a look that began
    when the hub had reached P, so never less than P shows. Bounded: the room that was joined longest ago makes way.
    """

    def __init__(self, look: Callable[[RoomId], Awaitable[RoomView]], now_ms: Callable[[], float]) -> None:
        self._look = look
        self._now_ms = now_ms
        self._kept: OrderedDict[RoomId, JoinSnapshot] = OrderedDict()
        self._looks: SingleFlight[RoomId, LogPosition, JoinSnapshot] = SingleFlight()
        self._looked_up = 0
        self._reused = 0

    async def require(self, room: RoomId) -> None:
        """Raises Refusal `not_found` when there is no such room."""
        await self._looks.get(room, NOWHERE, lambda: self._looked(room, NOWHERE))

    async def at(self, room: RoomId, position: LogPosition) -> JoinSnapshot:
        """The room as whoever joins at the hub's `position` sees it. Raises Refusal."""
        kept = self._kept.get(room)
        if kept is not None and kept.position == position and self._now_ms() - kept.read_ms < LIFE_MS:
            self._reused += 1
            return kept
        return await self._looks.get(room, position, lambda: self._read(room, position))

    def statistics(self) -> SnapshotStatistics:
        """How often joins were answered from what was there."""
        return SnapshotStatistics(len(self._kept), self._looked_up, self._reused)

    async def _read(self, room: RoomId, position: LogPosition) -> JoinSnapshot:
        read = self._kept[room] = await self._looked(room, position)
        self._kept.move_to_end(room)
        if len(self._kept) > KEPT_ROOMS:
            self._kept.popitem(last=False)
        return read

    async def _looked(self, room: RoomId, position: LogPosition) -> JoinSnapshot:
        read_ms = self._now_ms()
        self._looked_up += 1
        view = await self._look(room)
        return JoinSnapshot(position, view, _head(view, position), read_ms)


def _head(view: RoomView, position: LogPosition) -> Json:
    body = {
        "room": view.snapshot.room,
        "playback": view.snapshot.playback,
        "queue": view.snapshot.queue,
        "position": position,
        "messages": view.messages,
    }
    return encode_json(body)[:-1]
