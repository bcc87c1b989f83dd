"""A room's tracks and the library's: kept in step."""

from collections.abc import Callable

import msgspec

from whatssound.ids import TrackId
from whatssound.rooms.catalog import Catalog
from whatssound.rooms.commands import TrackChanged
from whatssound.rooms.room import Room, decide
from whatssound.wire import events


def track_ids(room: Room, *, history: bool = False) -> list[TrackId]:
    """The tracks that will be heard, in that order: what sounds, the queue, and what the auto-DJ would start over."""
    sounding = [] if room.playback.entry is None else [room.playback.entry]
    played = room.deck.history if history or room.playback.device is None else ()
    entries = (*sounding, *room.queue.entries, *played)
    return [TrackId(int(id)) for id in dict.fromkeys(entry.track.id for entry in entries)]


def unsigned(track: events.Track) -> events.Track:
    """As a room keeps it: a signature would only grow old there."""
    return msgspec.structs.replace(track, hls=None)


def with_track(track: events.Track, failed: bool) -> Callable[[Room, float], Room]:
    """The decision to follow a track's change."""
    change = TrackChanged(unsigned(track), failed)
    return lambda room, now_ms: decide(room, change, now_ms)


async def refreshed(catalog: Catalog, room: Room, now_ms: float) -> Room:
    """The room with what the library has learnt about its tracks since the room was saved."""
    if room.ended:
        return room
    known = {entry.track.id: entry.track for entry in _entries(room)}
    for now in await catalog.current(track_ids(room, history=True)):
        if now.failed or unsigned(now.track) != known.get(now.track.id):
            room = with_track(now.track, now.failed)(room, now_ms)
    return room


def _entries(room: Room) -> tuple[events.Entry, ...]:
    sounding = () if room.playback.entry is None else (room.playback.entry,)
    return (*sounding, *room.queue.entries, *room.deck.history)
