"""The library: every piece of music this server can play."""

import asyncio
import errno
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec

from whatssound.audio.blobs import BlobStore
from whatssound.audio.cache import CacheStatistics
from whatssound.audio.folder import Found, Unreadable
from whatssound.audio.ingest import Ingest
from whatssound.audio.intake import Intake, upload_names
from whatssound.audio.keys import Keys
from whatssound.audio.listing import Listing, TrackListing
from whatssound.audio.overview import Overview
from whatssound.audio.removal import Removal
from whatssound.audio.renditions import Renditions
from whatssound.audio.scan import Scanner
from whatssound.audio.schedule import RANK, Stage, Urgency
from whatssound.audio.store import TrackStore
from whatssound.audio.tags import Asked, FolderReader, Tags
from whatssound.audio.track import Source, Track
from whatssound.ids import Snowflakes, TrackId, UserId
from whatssound.wire import bodies, events
from whatssound.wire.errors import Refusal

Wish = tuple[TrackId, Urgency]


class Library:
    """Finds tracks, takes in new ones, has them encoded when they are wanted.

    `uploads` is the folder that keeps uploaded files; `now_ms` the server's time.
    """

    def __init__(
        self,
        store: TrackStore,
        ingest: Ingest,
        blobs: BlobStore,
        *,
        renditions: Renditions,
        removal: Removal,
        keys: Keys,
        ids: Snowflakes,
        reader: FolderReader,
        uploads: Path,
        now_ms: Callable[[], float],
        public_path: str = "",
    ) -> None:
        self._public_path = public_path
        self._store = store
        self._ingest = ingest
        self._blobs = blobs
        self._renditions = renditions
        self._removal = removal
        self._keys = keys
        self._ids = ids
        self._reader = reader
        self._uploads = uploads.absolute()
        self._now_ms = now_ms
        self.listing = Listing(store, ingest.shown)

    async def get(self, track_id: TrackId) -> Track:
        """One track. Raises Refusal `not_found`."""
        track = await self._store.get(track_id)
        if track is None:
            raise Refusal("not_found", "There is no such track.")
        return self._ingest.shown(track)

    async def several(self, track_ids: Sequence[TrackId]) -> dict[TrackId, Track]:
        """Those of the tracks (at most 500) that exist."""
        found = await self._store.several(track_ids)
        return {track.id: self._ingest.shown(track) for track in found}

    async def page(self, q: str | None = None, limit: int = 50, cursor: str | None = None) -> TrackListing:
        """Tracks by title; see `listing` for albums, artists and their tracks."""
        return await self.listing.tracks(q, limit, cursor)

    async def counts(self) -> tuple[int, int]:
        """`(tracks, of which are offline)`."""
        return await self._store.counts()

    async def encodes(self) -> Overview:
        """What is being encoded, and what could not be."""
        return await self._ingest.overview()

    def cache(self) -> CacheStatistics:
        """What encoded audio takes, and may take."""
        return self._ingest.cache_statistics()

    async def upload(self, path: Path, filename: str, owner: UserId | None = None) -> Track:
        """Take in an uploaded file and have it encoded at once; `path` is gone afterwards.

        Any content is taken: what cannot be read fails later, with its reason. When too many encodes wait, the track
        is `available` and encoded once it is wanted. Raises Refusal `disk_full`.
        """
        track_id = TrackId(self._ids.next())
        target = self._uploads / f"{track_id}{_suffix(filename)}"
        try:
            await asyncio.to_thread(_move, path, target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refusal("disk_full", "The server's disk is full; nothing was kept.") from error
            raise
        try:
            track = await self._take(track_id, target, "upload", filename, owner)
        except BaseException:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise
        await self._ingest.enqueue(track, "upload")
        return await self.get(track.id)

    async def take(self, path: Path, source: Source) -> Track:
        """The track of a file that stays where it is, taken in when it is new. Raises OSError."""
        known = await self._store.by_paths([str(path)])
        if str(path) in known:
            return self._ingest.shown(known[str(path)])
        return await self._take(TrackId(self._ids.next()), path, source, path.name)

    def scanner(self, folders: Sequence[str], step: Callable[[], None]) -> Scanner:
        """What scans these folders once; see `audio.rescans`."""
        return Scanner(self._store, self._reader, self._intake(), folders, self._now_ms, step)

    async def want(self, track_id: TrackId, urgency: Urgency = "asked") -> Track:
        """Have a track encoded; does nothing when it is. A failed one is tried again only when `urgency` is `asked`.

        Raises Refusal `not_found`, `unavailable` for one that is offline and not encoded, or `overloaded` with
        `retry_after_ms` when too many wait already.
        """
        await self._ingest.asked_for(track_id)
        track = await self.get(track_id)
        if track.status == "failed" and urgency != "asked":
            return track
        stage = await self._missing(track)
        if stage is None or (track.offline and stage == "rest"):
            return track
        if track.offline:
            raise Refusal("unavailable", "The file of this track cannot be reached now. Is its network share mounted?")
        if not await self._ingest.enqueue(track, "asked" if stage == "rest" else urgency, stage):
            raise Refusal("overloaded", "Too many tracks wait to be encoded.", retry_after_ms=30_000)
        return await self.get(track_id)

    async def unmet(self, wishes: Sequence[Wish]) -> list[Wish]:
        """Those of the wishes (at most 500) that `want` has something to do for, all looked up at once.

        The others are encoded, wait or run already, as urgently at least.
        """
        ids = [track_id for track_id, _ in wishes]
        await self.keep(ids)
        tracks, asked = await self.several(ids), await self._ingest.asked(ids)

        async def is_unmet(track_id: TrackId, urgency: Urgency) -> bool:
            if (track := tracks.get(track_id)) is None:
                return False
            stage = await self._missing(track)
            if stage == "rest":
                return (track_id, stage) not in asked
            known = asked.get((track_id, "first"))
            return stage is not None and (known is None or RANK[urgency] < RANK[known])

        return [wish for wish in wishes if await is_unmet(*wish)]

    async def _missing(self, track: Track) -> Stage | None:
        """The first stage of the track that is not encoded."""
        if track.status != "ready" or track.blob_key is None:
            return "first"
        return await self._renditions.missing(track.blob_key)

    async def remove(self, track_id: TrackId) -> None:
        """Remove a track with all that was made from it.

        Raises Refusal `not_found`, and `conflict` for a library's file that is there.
        """
        await self._removal.remove(track_id)

    async def remove_uploads_of(self, owner: UserId) -> int:
        """Remove everything somebody uploaded; how many tracks that were. Raises OSError."""
        return await self._removal.remove_uploads_of(owner)

    async def used_bytes(self, owner: UserId) -> int:
        """What somebody's uploads take, for their quota."""
        return await self._removal.used_bytes(owner)

    async def keep(self, track_ids: Sequence[TrackId]) -> None:
        """What is encoded of these stays for a while: they may be on their way into a queue."""
        await self._ingest.asked_for(*track_ids)

    def wire_track(self, track: Track) -> events.Track:
        """The track as rooms keep it: without `hls`, which `sign` fills."""
        return events.Track(
            id=str(track.id),
            title=track.title,
            artist=track.artist,
            album=track.album,
            duration_ms=track.duration_ms,
            cover=_cover_path(track),
        )

    def sign(self, track: events.Track) -> events.Track:
        """The same track with `hls`: a signed path to its master playlist, valid for 6 hours at least.

        Both its paths get the public path here, so that what rooms keep does not depend on where a proxy serves us.
        """
        hls = self._public(self._keys.master_path(TrackId(int(track.id))))
        return msgspec.structs.replace(track, hls=hls, cover=self._public(track.cover))

    def body(
        self,
        track: Track,
        peaks: list[int] | None = None,
        *,
        viewer: UserId | None = None,
        played_ms: int | None = None,
    ) -> bodies.TrackBody:
        """The track as the HTTP API shows it to `viewer`, with a signed `hls`."""
        return bodies.TrackBody(
            id=str(track.id),
            status=track.status,
            title=track.title,
            progress=track.progress,
            reason=track.reason,
            artist=track.artist,
            album=track.album,
            duration_ms=track.duration_ms,
            loudness_lufs=track.loudness_lufs,
            peaks=peaks,
            hls=self._public(self._keys.master_path(track.id)),
            cover=self.cover_path(track.cover_key),
            source=track.source,
            offline=track.offline,
            mine=track.owner_id is not None and track.owner_id == viewer,
            album_artist=track.album_artist,
            track_number=track.track_number,
            disc_number=track.disc_number,
            year=track.year,
            played_ms=played_ms,
        )

    def cover_path(self, cover_key: str | None) -> str | None:
        """Where the page finds a cover."""
        return None if cover_key is None else self._public(f"/audio/covers/{cover_key}")

    def _public(self, path: str | None) -> str | None:
        return None if path is None else self._public_path + path

    async def peaks(self, track_id: TrackId, points: int = 1000) -> list[int] | None:
        """The waveform, 0 to 255, at most `points` values; None until the track is encoded."""
        values = await self._store.peaks(track_id)
        return None if values is None else thinned(values, points)

    def on_changed(self, callback: Callable[[Track], None]) -> None:
        """Call back whenever a track changed: progress, exact duration, ready, failed. On the event loop."""
        self._ingest.on_changed(callback)

    async def _take(
        self, track_id: TrackId, path: Path, source: Source, filename: str, owner: UserId | None = None
    ) -> Track:
        status = await asyncio.to_thread(path.stat)
        found = Found(str(path), status.st_size, status.st_mtime_ns)
        [tags] = await self._reader.tags([Asked(found.path)])
        if isinstance(tags, Unreadable):
            tags = Tags()  # its encode will say what is wrong with it
        track = await self._intake().track(found, tags, upload_names(filename), source, track_id)
        track = replace(track, owner_id=owner)
        await self._store.add([track], added_ms=int(self._now_ms()))
        return track

    def _intake(self) -> Intake:
        return Intake(self._reader, self._blobs, self._keys, self._ids, kept=set())


def thinned(values: bytes, points: int) -> list[int]:
    """The loudest of each of `points` equal parts of `values`; all of them when there are no more."""
    count = len(values)
    if count <= points:
        return list(values)
    edges = [part * count // points for part in range(points + 1)]
    return [max(values[a:b]) for a, b in pairwise(edges)]


def _cover_path(track: Track) -> str | None:
    return None if track.cover_key is None else f"/audio/covers/{track.cover_key}"


def _suffix(filename: str) -> str:
    """Only for people who look into the folder; decoders look at the content."""
    suffix = Path(filename).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)
