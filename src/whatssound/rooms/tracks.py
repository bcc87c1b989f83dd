"""A room's tracks and the library's: kept in step."""

from collections.abc import Callable, Sequence

import msgspec

from whatssound.ids import TrackId
from whatssound.rooms.catalog import Catalog
from whatssound.rooms.commands import TrackChanged
from whatssound.rooms.room import Room, decide
from whatssound.wire import events
from whatssound.wire.errors import Refusal


def track_ids(room: Room, *, history: bool = False) -> list[TrackId]:
    """The tracks that will be heard next, in that order: what sounds and the queue; with `history`, all that it knows.

    What the auto-DJ would start over is not next: it comes back through the queue, where one always waits.
    """
    played = room.deck.history if history else ()
    entries = (*_sounding(room), *room.queue.entries, *played)
    return [TrackId(int(id)) for id in dict.fromkeys(entry.track.id for entry in entries)]


def needed_tracks(room: Room) -> set[TrackId]:
    """The tracks whose sound must not be thrown away: what sounds, what sounded before it, and the queue.

    Who is a moment behind still hears the one before.
    """
    entries = (*room.deck.history[-1:], *_sounding(room), *room.queue.entries)
    return {TrackId(int(entry.track.id)) for entry in entries}


async def all_playable(catalog: Catalog, track_ids: Sequence[TrackId]) -> list[events.Track]:
    """These tracks, in this order. Refusal `not_found`, naming in `track_ids` all that are gone or cannot be played."""
    known = {now.track.id: now.track for now in await catalog.current(track_ids) if now.reachable and not now.failed}
    missing = [id for id in dict.fromkeys(map(str, track_ids)) if id not in known]
    if missing:
        many = "One of these tracks is" if len(missing) == 1 else f"{len(missing)} of these tracks are"
        raise Refusal("not_found", f"{many} gone or cannot be played; leave them out.", details={"track_ids": missing})
    return [known[str(id)] for id in track_ids]


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
    return (*_sounding(room), *room.queue.entries, *room.deck.history)


def _sounding(room: Room) -> tuple[events.Entry, ...]:
    return () if room.playback.entry is None else (room.playback.entry,)
