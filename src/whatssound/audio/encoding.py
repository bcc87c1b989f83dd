"""One encode, from the source file to stored segments."""

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from whatssound.audio import ladder
from whatssound.audio.blobs import BlobStore
from whatssound.audio.cache import Cache, Place
from whatssound.audio.encoder import (
    Analysed,
    Counted,
    EncodeFailed,
    EncodeJob,
    Encoder,
    OggTags,
    RenditionDone,
    Report,
    Stored,
    Whole,
)
from whatssound.audio.failures import SourceChanged
from whatssound.audio.keys import Keys
from whatssound.audio.rendition import about_name, encoded_about, file_name, ogg_name
from whatssound.audio.renditions import Renditions
from whatssound.audio.schedule import Job, Stage, Urgency
from whatssound.audio.store import Changes, TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId

RUNGS: dict[Stage, tuple[int, ...]] = {"first": (ladder.FIRST,), "rest": ladder.REST, "ogg": ()}
"""What each stage makes of the ladder."""


@dataclass(slots=True)
class Encoding:
    """An encode that runs. `stored` names what is complete, as `(kbps, name)`; `urgency` may grow meanwhile;
    `told` is the progress that people were shown."""

    track_id: TrackId
    kbps: tuple[int, ...]
    urgency: Urgency
    progress: float = 0.0
    told: float = -1.0
    blob_key: str | None = None
    stored: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])


class _Version(NamedTuple):
    """Tells one content of a file from another, without reading it."""

    size_bytes: int
    mtime_ns: int
    inode: int


class Encodes:
    """Runs encodes. `change` writes down what was learnt and tells everybody; `step` tells of so many more files.

    `work` is a scratch folder on the same disk as the blobs.
    """

    def __init__(
        self,
        store: TrackStore,
        encoder: Encoder,
        blobs: BlobStore,
        *,
        keys: Keys,
        cache: Cache,
        renditions: Renditions,
        work: Path,
        change: Callable[[TrackId, Changes], Awaitable[Track | None]],
        step: Callable[[Job, int], Awaitable[None]],
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._blobs = blobs
        self._keys = keys
        self._cache = cache
        self._renditions = renditions
        self._work = work
        self._change = change
        self._step = step

    async def run(self, job: Job, encoding: Encoding) -> Track | None:
        """Do one stage; answers the track after it, or None when there is nothing left to do for it.

        Raises CacheFull, SourceChanged, EncodeFailed, OSError; what was begun is then undone or harmless.
        """
        track = await self._store.get(job.track_id)
        if track is None:
            return None
        place = await self._cache.admit(track, job.stage, may_exceed=encoding.urgency == "now")
        try:
            version, digest = await asyncio.to_thread(_read, Path(track.path))
            key = encoding.blob_key = self._keys.blob_key(digest)
            self._cache.found(place, key)
            return await self._of_content(track, job, encoding, place, version)
        finally:
            await self._cache.leave(place)

    async def _of_content(
        self, track: Track, job: Job, encoding: Encoding, place: Place, version: _Version
    ) -> Track | None:
        key = encoding.blob_key
        assert key is not None
        if job.stage != "first" and track.blob_key != key:
            await self._void(track, key if job.stage == "ogg" else None)
            if job.stage == "rest":
                return None
        if job.stage == "rest" and job.background and await self._renditions.about(key, ladder.FIRST) is None:
            return None  # evicted meanwhile: nobody hears it
        if job.stage == "first":
            if (ready := await self._already(track, key)) is not None:
                return ready
            await self._change(track.id, {"status": "encoding", "reason": None})
        try:
            await self._encode(track, job, encoding, place, version)
        except SourceChanged:
            await self._undo(key, encoding.kbps)
            raise
        if job.stage == "first":
            return await self._change(track.id, {"status": "ready", "reason": None})
        return track

    async def _encode(self, track: Track, job: Job, encoding: Encoding, place: Place, version: _Version) -> None:
        """The source must be the same file before each description is stored, for that marks a rendition as whole."""
        scratch = self._work / secrets.token_hex(8)
        await asyncio.to_thread(scratch.mkdir, parents=True)
        request = await self._request(track, job, encoding, scratch)
        try:
            async with contextlib.aclosing(self._encoder.encode(request)) as reports:
                async for report in reports:
                    if isinstance(report, RenditionDone | Whole):
                        await _check(track, version)
                    await self._take(track, job, encoding, place, report)
        except EncodeFailed:
            await _check(track, version)
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _request(self, track: Track, job: Job, encoding: Encoding, scratch: Path) -> EncodeJob:
        """What an earlier encode of the same bytes taught need not be measured again."""
        known = track.samples if track.blob_key == encoding.blob_key else None
        analysed = known is not None and await self._store.peaks(track.id) is not None
        return EncodeJob(
            Path(track.path),
            encoding.kbps,
            scratch,
            analyse=job.stage == "first" and not analysed,
            samples=known if analysed or job.stage == "rest" else None,
            background=job.background,
            ogg=OggTags(track.title, track.artist, track.album) if job.stage == "ogg" else None,
        )

    async def _take(self, track: Track, job: Job, encoding: Encoding, place: Place, report: Report) -> None:
        key = encoding.blob_key
        assert key is not None
        match report:
            case Counted(samples, rate_hz) if job.stage == "first":
                counted = await self._change(track.id, {**_length(samples, rate_hz), "blob_key": key})
                if counted is not None:
                    await self._cache.resize(place, counted, may_exceed=encoding.urgency == "now")
            case Stored(kbps, files, done):
                await self._blobs.put_files({file_name(key, kbps, name): file for name, file in files.items()})
                encoding.stored.update((kbps, name) for name in files)
                encoding.progress = done
                await self._step(job, len(files))
            case RenditionDone():
                await self._blobs.put(about_name(key, report.kbps), encoded_about(report))
            case Whole(file):
                await self._blobs.put_files({ogg_name(key, track.id): file})
                await self._step(job, 1)
            case Analysed():
                await self._change(track.id, _analysis(report))
            case _:
                pass

    async def _already(self, track: Track, key: str) -> Track | None:
        """The track, ready, when its very bytes were encoded for another one (or for itself) and are all there."""
        about = await self._renditions.about(key, ladder.FIRST)
        if about is None or len(await self._blobs.children(f"{key}/{ladder.FIRST}")) < about.segments + 2:
            return None
        for twin in await self._store.several((await self._cache.sharing(key))[:_TWINS]):
            peaks = await self._store.peaks(twin.id)
            if twin.samples is None or twin.rate_hz is None or peaks is None:
                continue
            learnt = Analysed(twin.samples, twin.rate_hz, twin.loudness_lufs, twin.true_peak_db, peaks)
            ready: Changes = {**_analysis(learnt), "blob_key": key, "status": "ready", "reason": None}
            return await self._change(track.id, ready)
        return None

    async def _void(self, track: Track, key: str | None) -> None:
        """The file has another content than the one that was encoded: what is known of the sound is void."""
        void: Changes = {"samples": None, "rate_hz": None, "loudness_lufs": None, "true_peak_db": None, "peaks": None}
        if track.status == "ready":
            void["status"] = "available"
        await self._change(track.id, {**void, "blob_key": key})

    async def _undo(self, key: str, kbps: tuple[int, ...]) -> None:
        with contextlib.suppress(OSError):
            await self._blobs.remove(*(f"{key}/{rung}" for rung in kbps))
        self._renditions.forget(key)


_TWINS = 50
"""Tracks of the same bytes that are looked at for what they know."""


def _length(samples: int, rate_hz: int) -> Changes:
    return {"samples": samples, "rate_hz": rate_hz, "duration_ms": ladder.duration_ms(samples, rate_hz)}


def _analysis(report: Analysed) -> Changes:
    return {
        **_length(report.samples, report.rate_hz),
        "loudness_lufs": report.loudness_lufs,
        "true_peak_db": report.true_peak_db,
        "peaks": report.peaks,
    }


def _read(file: Path) -> tuple[_Version, bytes]:
    with file.open("rb") as opened:
        status = os.fstat(opened.fileno())
        digest = hashlib.file_digest(opened, "sha256").digest()
    return _Version(status.st_size, status.st_mtime_ns, status.st_ino), digest


async def _check(track: Track, version: _Version) -> None:
    try:
        status = await asyncio.to_thread(os.stat, track.path)
    except OSError:
        return  # gone since, but it was read to its end
    if version != (status.st_size, status.st_mtime_ns, status.st_ino):
        raise SourceChanged
