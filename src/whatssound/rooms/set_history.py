"""What a room has played until now: what is stored, and what has happened since the room was saved."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from whatssound.ids import RoomId, TrackId
from whatssound.messages.refusing import refusing
from whatssound.rooms.owned import OwnedRooms
from whatssound.rooms.parts import Sign
from whatssound.rooms.play_store import PlayStore
from whatssound.rooms.plays import Play, current, plays_between
from whatssound.rooms.room import caught_up


class PlayPage(NamedTuple):
    """Plays, newest first; `next_ms` continues behind the last one, None at the end."""

    plays: list[Play]
    next_ms: int | None


class SetHistory:
    """Exact at every moment, also for a room that nobody has touched since many tracks."""

    def __init__(self, rooms: OwnedRooms, store: PlayStore, sign: Sign, now_ms: Callable[[], float]) -> None:
        self._rooms = rooms
        self._store = store
        self._sign = sign
        self._now_ms = now_ms

    async def page(self, room_id: RoomId, before_ms: int | None, limit: int) -> PlayPage:
        """Plays that started before `before_ms`, or the newest; the one that lasts has no end. Refusal `not_found`."""
        unsaved = await self._unsaved(room_id)
        newest = [play for play in reversed(unsaved) if before_ms is None or play.started_ms < before_ms]
        # What is saved meanwhile is here already, so the store is asked for what is older.
        oldest_ms = newest[-1].started_ms if newest else before_ms
        wanted = limit + 1 - len(newest)
        stored = await refusing(self._store.before(room_id, oldest_ms, limit=wanted)) if wanted > 0 else []
        plays = [*newest, *stored]
        next_ms = plays[limit - 1].started_ms if len(plays) > limit else None
        return PlayPage([self._shown(play) for play in plays[:limit]], next_ms)

    async def played(self, room_id: RoomId, tracks: Sequence[TrackId]) -> dict[TrackId, int]:
        """When each of these tracks last began to sound in the room, Unix ms. Refusal `not_found`."""
        unsaved = await self._unsaved(room_id)
        wanted = set(tracks)
        recent = {TrackId(int(play.entry.track.id)): play.started_ms for play in unsaved}
        stored = await refusing(self._store.last_played(room_id, tracks))
        return stored | {track: at_ms for track, at_ms in recent.items() if track in wanted}

    async def _unsaved(self, room_id: RoomId) -> list[Play]:
        """What ended since the room was saved, and what lasts; oldest first."""
        room = await self._rooms.read(room_id)
        now_ms = self._now_ms()
        shown = caught_up(room, now_ms)
        lasting = current(shown)
        return [*plays_between(room, shown, now_ms), *([] if lasting is None else [lasting])]

    def _shown(self, play: Play) -> Play:
        """With paths as they are given out now. There is nothing to listen to: the track may be gone."""
        track = msgspec.structs.replace(self._sign(play.entry.track), hls=None)
        return replace(play, entry=msgspec.structs.replace(play.entry, track=track))
