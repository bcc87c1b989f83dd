"""The library as rooms see it."""

from collections.abc import Sequence

from whatssound.audio.library import Library, Wish
from whatssound.ids import TrackId
from whatssound.rooms.catalog import TrackNow
from whatssound.wire import events
from whatssound.wire.errors import Refusal

NEXT_UP = 2
"""So many tracks at a queue's head are encoded before everything else: the one that plays and the one after it."""


class LibraryCatalog:
    """`rooms.catalog.Catalog` over the library: what a room plays is encoded, the queue's head first."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def playable(self, track_id: TrackId) -> events.Track:
        """The track, and its encode is on its way. Refusal `not_found`, `overloaded`, `unavailable` for one that
        is offline, or `invalid` for a failed one."""
        await self._library.keep((track_id,))
        track = await self._library.get(track_id)
        if track.status == "failed":
            raise Refusal("invalid", track.reason or "This track cannot be played.")
        return self._library.wire_track(await self._library.want(track_id, "queued"))

    async def current(self, track_ids: Sequence[TrackId]) -> list[TrackNow]:
        """What is known of these tracks now; one that the library has lost counts as failed."""
        await self._library.keep(track_ids)
        known = await self._library.several(track_ids)
        lost = [events.Track(id=str(id), title="") for id in track_ids if id not in known]
        found = [
            TrackNow(
                self._library.wire_track(track),
                failed=track.status == "failed",
                reachable=track.status == "ready" or not track.offline,
            )
            for track in known.values()
        ]
        return [*found, *(TrackNow(track, failed=True) for track in lost)]

    async def upcoming(self, track_ids: Sequence[TrackId]) -> None:
        """Have these encoded in this order; a full queue of encodes leaves the far ones for later."""
        wishes: list[Wish] = [(id, "now" if place < NEXT_UP else "queued") for place, id in enumerate(track_ids)]
        for track_id, urgency in await self._library.unmet(wishes):
            try:
                await self._library.want(track_id, urgency)
            except Refusal as refusal:
                if refusal.code not in ("not_found", "unavailable"):
                    return

    def sign(self, track: events.Track) -> events.Track:
        """The track with a signed `hls`."""
        return self._library.sign(track)
