"""What players ask for: signed playlists, unguessable segments, covers."""

import asyncio
import re
from typing import Final

from whatssound.audio import ladder, playlist
from whatssound.audio.blobs import BlobFile, BlobStore
from whatssound.audio.cache import Cache
from whatssound.audio.ingest import Ingest
from whatssound.audio.keys import KEY_CHARACTERS, Keys
from whatssound.audio.library import Library
from whatssound.audio.rendition import file_name, ogg_name
from whatssound.audio.renditions import Renditions
from whatssound.audio.store import TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal

WAIT_S: Final = 8.0
"""How long a player is kept waiting for something that is being encoded; hls.js gives up after 10 s."""

RETRY_AFTER_MS: Final = 2000

_KEY: Final = re.compile(rf"[a-z2-7]{{{KEY_CHARACTERS}}}")
_COVER: Final = re.compile(rf"[a-z2-7]{{{KEY_CHARACTERS}}}\.(jpg|png|webp|gif)")


class Edge:
    """Serves what is encoded, and waits a little for what is being encoded."""

    def __init__(
        self,
        library: Library,
        store: TrackStore,
        ingest: Ingest,
        blobs: BlobStore,
        *,
        renditions: Renditions,
        keys: Keys,
        cache: Cache,
    ) -> None:
        self._library = library
        self._store = store
        self._ingest = ingest
        self._blobs = blobs
        self._renditions = renditions
        self._keys = keys
        self._cache = cache

    async def master(self, track_id: TrackId, exp: int, sig: str) -> str:
        """The master playlist of a track; a track that is not encoded yet is put in front of the queue.

        Served at `/audio/tracks/<track_id>/master.m3u8?exp=<unix s>&sig=<…>`. Raises Refusal: `forbidden` (wrong or
        expired signature), `not_found`, `unavailable` with `retry_after_ms` (the encoder is still busy after 8 s),
        `unsupported` (this track cannot be read; the message says why).
        """
        self._keys.check_master(track_id, exp, sig)
        await self._library.want(track_id, "now")
        try:
            async with asyncio.timeout(WAIT_S):
                blob_key = await self._counted(track_id)
        except TimeoutError:
            raise _interrupted(await self._library.get(track_id)) from None
        await self._cache.played(track_id)
        return playlist.master(await self._variants(blob_key, exp))

    async def media(self, blob_key: str, kbps: int, exp: int, sig: str) -> str:
        """The complete media playlist of one rendition, also while it is being encoded.

        Served at `/audio/<blob_key>/<kbps>/index.m3u8?exp&sig`. Raises Refusal `forbidden`, `not_found`, `unavailable`.
        """
        self._keys.check_media(blob_key, exp, sig)
        _, grid = await self._track_of(blob_key, kbps)
        return playlist.media(grid)

    async def segment(self, blob_key: str, kbps: int, name: str) -> BlobFile:
        """`init.mp4` or `<n>.m4s` of a rendition; waits up to 8 s for one that is being encoded.

        Served at `/audio/<blob_key>/<kbps>/<name>`, `Cache-Control: public, max-age=31536000, immutable`.
        Raises Refusal `not_found`, or `unavailable` with `retry_after_ms` when the wait was too short.
        """
        number = playlist.segment_number(name)
        if _KEY.fullmatch(blob_key) is None or (number is None and name != playlist.INIT_NAME):
            raise _no_audio()
        stored = file_name(blob_key, kbps, name)
        self._cache.sent(blob_key)
        if (found := await self._blobs.find(stored)) is not None:
            return found
        track, grid = await self._track_of(blob_key, kbps)
        if number is not None and number >= grid.segments:
            raise _no_audio()
        await self._have_encoded(track, blob_key, kbps)
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._arrived(track, blob_key, kbps, name)
        except TimeoutError:
            raise _interrupted(await self._library.get(track.id)) from None

    async def ogg(self, track_id: TrackId) -> BlobFile:
        """The whole track as one Ogg Vorbis file, made now if need be; waits up to 8 s for that.

        Raises Refusal `not_found`, `unsupported` (it cannot be read), or `unavailable` with `retry_after_ms`.
        """
        await self._ingest.asked_for(track_id)
        track = await self._library.get(track_id)
        if track.blob_key is not None:
            self._cache.sent(track.blob_key)
            if (found := await self._blobs.find(ogg_name(track.blob_key, track_id))) is not None:
                return found
        if not await self._ingest.enqueue(track, "queued", "ogg"):
            raise _busy()
        try:
            async with asyncio.timeout(WAIT_S):
                step = self._ingest.next_step()
                while await self._ingest.busy_with(track_id, "ogg"):
                    await step.wait()
                    step = self._ingest.next_step()
        except TimeoutError:
            raise Refusal("unavailable", "The file is being made.", retry_after_ms=RETRY_AFTER_MS) from None
        return await self._made(track_id)

    async def _made(self, track_id: TrackId) -> BlobFile:
        track = await self._library.get(track_id)
        found = track.blob_key and await self._blobs.find(ogg_name(track.blob_key, track_id))
        if not found:
            reason = await self._ingest.why_not(track_id, "ogg")
            if track.status == "failed":
                raise Refusal("unsupported", track.reason or reason or "This track cannot be read.")
            raise Refusal("unavailable", reason or "The file could not be made.", retry_after_ms=RETRY_AFTER_MS)
        return found

    async def cover(self, key: str) -> BlobFile:
        """A cover image, with its `media_type`. Served at `/audio/covers/<key>`. Raises Refusal `not_found`."""
        found = await self._blobs.find(f"covers/{key}") if _COVER.fullmatch(key) else None
        if found is None:
            raise Refusal("not_found", "There is no such cover.")
        return found

    async def _counted(self, track_id: TrackId) -> str:
        """The blob key, once the track's length is known too."""
        while True:
            step = self._ingest.next_step()
            busy = await self._ingest.busy_with(track_id)
            track = await self._library.get(track_id)
            if track.status == "failed":
                raise Refusal("unsupported", track.reason or "This track cannot be played.")
            if track.blob_key is not None and track.samples is not None:
                return track.blob_key
            if not busy:
                raise _interrupted(track)
            await step.wait()

    async def _variants(self, blob_key: str, exp: int) -> list[playlist.Variant]:
        """The first rung always; the others only when they are finished, so that no player waits for an encoder."""
        variants: list[playlist.Variant] = []
        for rung in ladder.LADDER:
            about = await self._renditions.about(blob_key, rung.kbps)
            if about is None and rung.kbps != ladder.FIRST:
                continue
            uri = f"../../{blob_key}/{rung.kbps}/index.m3u8?{self._keys.media_query(blob_key, exp)}"
            variants.append(
                playlist.Variant(uri, rung.ceiling_bps)
                if about is None
                else playlist.Variant(uri, about.peak_bps, about.average_bps)
            )
        return variants

    async def _track_of(self, blob_key: str, kbps: int) -> tuple[Track, ladder.Grid]:
        track = await self._store.by_blob_key(blob_key)
        if track is None or track.samples is None or track.rate_hz is None:
            raise _no_audio()
        if all(rung.kbps != kbps for rung in ladder.LADDER):
            raise _no_audio()
        return track, ladder.Grid(track.samples, track.rate_hz)

    async def _have_encoded(self, track: Track, blob_key: str, kbps: int) -> None:
        """Also a finished rendition may miss a segment: somebody emptied the cache. Then it is made again."""
        if track.status == "failed":
            raise Refusal("unsupported", track.reason or "This track cannot be played.")
        if self._ingest.encoding(blob_key, kbps) is None:
            self._renditions.forget(blob_key)
            if not await self._ingest.enqueue(track, "now", "first" if kbps == ladder.FIRST else "rest"):
                raise _busy()

    async def _arrived(self, track: Track, blob_key: str, kbps: int, name: str) -> BlobFile:
        stage = "first" if kbps == ladder.FIRST else "rest"
        while True:
            step = self._ingest.next_step()
            encoding = self._ingest.encoding(blob_key, kbps)
            over = encoding is None and not await self._ingest.busy_with(track.id, stage)
            if encoding is None or (kbps, name) in encoding.stored:
                found = await self._blobs.find(file_name(blob_key, kbps, name))
                if found is not None:
                    return found
                if over:
                    raise _interrupted(await self._library.get(track.id))
            await step.wait()


def _busy() -> Refusal:
    return Refusal("unavailable", "This part of the track is still being encoded.", retry_after_ms=RETRY_AFTER_MS)


def _interrupted(track: Track) -> Refusal:
    """Its encode has not given what was asked for in time, or has ended without it."""
    if track.status == "failed":
        return Refusal("unsupported", track.reason or "This track cannot be played.")
    if track.reason is not None:
        return Refusal("unavailable", track.reason, retry_after_ms=RETRY_AFTER_MS)
    return _busy()


def _no_audio() -> Refusal:
    return Refusal("not_found", "There is no such audio.")
