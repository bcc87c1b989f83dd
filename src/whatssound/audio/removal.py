"""Removes a track with everything that was made from it."""

import asyncio
from dataclasses import replace
from pathlib import Path

from whatssound.audio.blobs import BlobStore
from whatssound.audio.cache import Cache
from whatssound.audio.encoded import EncodedStore
from whatssound.audio.ingest import Ingest
from whatssound.audio.rendition import ogg_name
from whatssound.audio.store import TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId, UserId
from whatssound.wire.errors import Refusal


class Removal:
    """Takes uploads away, and tracks whose files are gone, with all that was made of them.

    That is the file of an upload, what was encoded, the cover, the row, and their places in rooms.

    What another track needs too stays: the same bytes may be in the library twice, and an album shares its cover.
    The file goes first and the row after it, so that a kill in between leaves a track that can be removed again; blobs
    that a kill leaves behind are swept at the next start.
    """

    def __init__(
        self, store: TrackStore, encoded: EncodedStore, ingest: Ingest, blobs: BlobStore, *, cache: Cache
    ) -> None:
        self._store = store
        self._encoded = encoded
        self._ingest = ingest
        self._blobs = blobs
        self._cache = cache

    async def remove(self, track_id: TrackId) -> None:
        """Remove an upload, or what is left of a library's file that is gone.

        Raises Refusal `not_found`, or `conflict` for a file that is there.
        """
        track = await self._store.get(track_id)
        if track is None:
            raise Refusal("not_found", "There is no such track.")
        if track.source != "upload" and not track.offline:
            raise Refusal(
                "conflict",
                "This track is a file in a folder of music, which is never written to: remove the file there, scan,"
                " and then the track here.",
            )
        await self._remove(track)

    async def remove_uploads_of(self, owner: UserId) -> int:
        """Remove everything somebody uploaded; how many tracks that were. Raises OSError."""
        uploads = await self._encoded.uploads_of(owner)
        for track_id in uploads:
            if (track := await self._store.get(track_id)) is not None:
                await self._remove(track)
        return len(uploads)

    async def used_bytes(self, owner: UserId) -> int:
        """What somebody's uploads take on disk: the files themselves, not what is encoded from them."""
        return await self._encoded.used_bytes(owner)

    async def _remove(self, track: Track) -> None:
        await self._ingest.end(track.id)
        if track.source == "upload":
            await asyncio.to_thread(Path(track.path).unlink, missing_ok=True)
        last = await self._store.get(track.id) or track
        await self._encoded.remove(track.id)
        self._ingest.announce(replace(last, status="failed", reason="This track was removed."))
        await self._ingest.end(track.id)  # somebody may have wanted it meanwhile
        if last.blob_key is not None:
            await self._blobs.remove(ogg_name(last.blob_key, last.id))
        await self._cache.forget(last.id, last.blob_key)
        if last.cover_key is not None and not await self._encoded.uses_cover(last.cover_key):
            await self._blobs.remove(f"covers/{last.cover_key}")
