"""The library: every piece of music this server can play."""

import asyncio
import base64
import binascii
import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from whatssound.audio import search
from whatssound.audio.blobs import BlobStore
from whatssound.audio.covers import suffix_of
from whatssound.audio.folder import Found
from whatssound.audio.ingest import Ingest
from whatssound.audio.keys import Keys
from whatssound.audio.renditions import Renditions
from whatssound.audio.scan import Scanner, ScanProgress
from whatssound.audio.schedule import Urgency
from whatssound.audio.store import After, TrackStore
from whatssound.audio.tags import TagReader, Tags
from whatssound.audio.track import Source, Track
from whatssound.ids import Snowflakes, TrackId, parse_id
from whatssound.wire import bodies, events
from whatssound.wire.errors import Refusal

MAX_PAGE: Final = 100
MAX_TITLE: Final = 300
"""Characters of a file's name that become a title."""


@dataclass(frozen=True, slots=True)
class TrackListing:
    """A page of tracks by title. `next` is the cursor of the following page, or None at the end."""

    tracks: list[Track]
    total: int
    next: str | None


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
        keys: Keys,
        ids: Snowflakes,
        read_tags: TagReader,
        uploads: Path,
        now_ms: Callable[[], float],
        public_path: str = "",
    ) -> None:
        self._public_path = public_path
        self._store = store
        self._ingest = ingest
        self._blobs = blobs
        self._renditions = renditions
        self._keys = keys
        self._ids = ids
        self._read_tags = read_tags
        self._uploads = uploads.absolute()
        self._now_ms = now_ms
        self._scanning = asyncio.Lock()

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
        """Tracks whose title, artist or album contain every word of `q`, whatever the case and accents.

        `limit` is 1 to 100. Raises Refusal `invalid` for a cursor that we did not give or a limit outside that.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise Refusal("invalid", f"A page has 1 to {MAX_PAGE} tracks.")
        found = await self._store.page(search.words_of(q), limit, _after(cursor))
        shown = [self._ingest.shown(track) for track in found.tracks]
        return TrackListing(shown, found.total, _cursor(found.next))

    async def upload(self, path: Path, filename: str) -> Track:
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
            track = await self._take(track_id, target, "upload", filename)
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

    async def scan(self, folder: Path, on_progress: Callable[[ScanProgress], None] | None = None) -> ScanProgress:
        """Offer every piece of music under `folder`, which is only read: tags and covers, nothing is decoded.

        A file seen before keeps its id and is read again only when its size or time changed. What cannot be read is
        reported and skipped. Scans run one after another. Raises Refusal `not_found` when `folder` is no folder,
        `forbidden` when it is closed to us.
        """
        folder = await asyncio.to_thread(_checked_folder, folder)
        async with self._scanning:
            return await Scanner(self._store, self._read_tags, self._add_found, self._change_found).run(
                folder, on_progress
            )

    async def want(self, track_id: TrackId, urgency: Urgency = "asked") -> Track:
        """Have a track encoded; does nothing when it is. A failed one is tried again only when `urgency` is `asked`.

        Raises Refusal `not_found`, or `overloaded` with `retry_after_ms` when too many wait already.
        """
        track = await self.get(track_id)
        if track.status == "failed" and urgency != "asked":
            return track
        stage = "first"
        if track.status == "ready" and track.blob_key is not None:
            stage = await self._renditions.missing(track.blob_key)
            if stage is None:
                return track
        if not await self._ingest.enqueue(track, "asked" if stage == "rest" else urgency, stage):
            raise Refusal("overloaded", "Too many tracks wait to be encoded.", retry_after_ms=30_000)
        return await self.get(track_id)

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

    def body(self, track: Track, peaks: list[int] | None = None) -> bodies.TrackBody:
        """The track as the HTTP API shows it, with a signed `hls`."""
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
            cover=self._public(_cover_path(track)),
        )

    def _public(self, path: str | None) -> str | None:
        return None if path is None else self._public_path + path

    async def peaks(self, track_id: TrackId, points: int = 1000) -> list[int] | None:
        """The waveform, 0 to 255, at most `points` values; None until the track is encoded."""
        values = await self._store.peaks(track_id)
        return None if values is None else thinned(values, points)

    def on_changed(self, callback: Callable[[Track], None]) -> None:
        """Call back whenever a track changed: progress, exact duration, ready, failed. On the event loop."""
        self._ingest.on_changed(callback)

    async def _take(self, track_id: TrackId, path: Path, source: Source, filename: str) -> Track:
        tags, status = await asyncio.to_thread(self._tags_and_status, path)
        found = Found(path, status.st_size, status.st_mtime_ns)
        track = await self._track_of(track_id, found, tags, source, filename)
        await self._store.add([track], added_ms=int(self._now_ms()))
        return track

    def _tags_and_status(self, path: Path) -> tuple[Tags, os.stat_result]:
        return self._read_tags(path), path.stat()

    async def _add_found(self, files: list[tuple[Found, Tags]]) -> None:
        tracks = [
            await self._track_of(TrackId(self._ids.next()), found, tags, "library", found.path.name)
            for found, tags in files
        ]
        await self._store.add(tracks, added_ms=int(self._now_ms()))

    async def _change_found(self, track: Track, found: Found, tags: Tags) -> None:
        """Another content: what was known of the sound is void, the id stays."""
        new = await self._track_of(track.id, found, tags, track.source, found.path.name)
        await self._store.change(
            track.id,
            {
                "title": new.title,
                "artist": new.artist,
                "album": new.album,
                "duration_ms": new.duration_ms,
                "cover_key": new.cover_key,
                "size_bytes": new.size_bytes,
                "mtime_ns": new.mtime_ns,
                "status": "available",
                "reason": None,
                "samples": None,
                "rate_hz": None,
                "loudness_lufs": None,
                "true_peak_db": None,
                "peaks": None,
                "blob_key": None,
            },
        )

    async def _track_of(self, track_id: TrackId, found: Found, tags: Tags, source: Source, filename: str) -> Track:
        return Track(
            id=track_id,
            source=source,
            path=str(found.path),
            title=tags.title or _title(filename),
            artist=tags.artist,
            album=tags.album,
            duration_ms=tags.duration_ms,
            status="available",
            cover_key=await self._cover_key(tags.cover),
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
        )

    async def _cover_key(self, image: bytes | None) -> str | None:
        """Stores the cover, once; a cover that cannot be stored is left out."""
        suffix = suffix_of(image) if image else None
        if image is None or suffix is None:
            return None
        key = self._keys.cover_key(image, suffix)
        with contextlib.suppress(OSError):
            if await self._blobs.find(f"covers/{key}") is None:
                await self._blobs.put(f"covers/{key}", image)
            return key
        return None


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


def _title(filename: str) -> str:
    stem = Path(filename.replace("\\", "/").replace("\0", "")).stem.replace("_", " ")
    return " ".join("".join(c if c.isprintable() else " " for c in stem).split())[:MAX_TITLE] or "Untitled"


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)


def _checked_folder(folder: Path) -> Path:
    try:
        os.scandir(folder).close()
    except PermissionError as error:
        raise Refusal("forbidden", f"We are not allowed to read the folder {folder}.") from error
    except OSError as error:
        raise Refusal("not_found", f"{folder} is not a folder; --library takes a folder of music.") from error
    return folder.absolute()


def _cursor(after: After | None) -> str | None:
    return None if after is None else base64.urlsafe_b64encode(f"{after.id} {after.search}".encode()).decode()


def _after(cursor: str | None) -> After | None:
    if not cursor:
        return None
    try:
        id_text, _, text = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return After(text, TrackId(parse_id(id_text)))
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise Refusal("invalid", "This cursor is not one of ours; begin again without it.") from error
