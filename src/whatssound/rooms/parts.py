"""A room's parts on their way out: every track's `hls` signed, encoded for the log."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from whatssound.ids import RoomId
from whatssound.rooms.deck import Deck
from whatssound.rooms.room import Part, Room
from whatssound.wire import events
from whatssound.wire.record import encode_record

SIGNED_FOR_MS: Final = 60_000
"""How long a signed snapshot is used again: signing 200 entries takes 1 ms, and a thousand may join at once."""

KEPT_SNAPSHOTS: Final = 500

Sign = Callable[[events.Track], events.Track]


class Snapshot(NamedTuple):
    """A room's parts as a join reply and the API show them, every `hls` signed."""

    room: events.RoomState
    playback: events.Playback
    queue: events.Queue


class Snapshots:
    """Signs the parts of rooms, and remembers for a minute what it signed."""

    def __init__(self, sign: Sign, now_ms: Callable[[], float]) -> None:
        self._sign = sign
        self._now_ms = now_ms
        self._kept: OrderedDict[RoomId, tuple[Deck, float, Snapshot]] = OrderedDict()

    def of(self, room: Room) -> Snapshot:
        """The parts of `room` as it is given."""
        now_ms = self._now_ms()
        kept = self._kept.get(room.id)
        if kept is not None and kept[0] == room.deck and now_ms - kept[1] < SIGNED_FOR_MS:
            return kept[2]._replace(room=room.as_wire())
        snapshot = Snapshot(
            room.as_wire(),
            signed_playback(room.playback.as_wire(), self._sign),
            signed_queue(room.queue.as_wire(), self._sign),
        )
        self._kept[room.id] = (room.deck, now_ms, snapshot)
        self._kept.move_to_end(room.id)
        if len(self._kept) > KEPT_SNAPSHOTS:
            self._kept.popitem(last=False)
        return snapshot


def encoded(part: Part, sign: Sign) -> bytes:
    """The record for the room log."""
    match part.payload:
        case events.Playback() as playback:
            return encode_record(part.event, signed_playback(playback, sign))
        case events.Queue() as queue:
            return encode_record(part.event, signed_queue(queue, sign))
        case payload:
            return encode_record(part.event, payload)


def signed_playback(playback: events.Playback, sign: Sign) -> events.Playback:
    """The part with its track's `hls` signed."""
    if playback.track is None:
        return playback
    return msgspec.structs.replace(playback, track=sign(playback.track))


def signed_queue(queue: events.Queue, sign: Sign) -> events.Queue:
    """The part with each track's `hls` signed."""
    entries = [msgspec.structs.replace(entry, track=sign(entry.track)) for entry in queue.entries]
    return msgspec.structs.replace(queue, entries=entries)
