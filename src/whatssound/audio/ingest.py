"""The encode queue: who is next, what is running, what became of it."""

import asyncio
import contextlib
import errno
import hashlib
import secrets
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import structlog

from whatssound.audio import ladder
from whatssound.audio.blobs import BlobStore
from whatssound.audio.encoder import Analysed, Counted, EncodeFailed, EncodeJob, Encoder, RenditionDone, Report, Stored
from whatssound.audio.keys import Keys
from whatssound.audio.rendition import about_name, encoded_about, file_name
from whatssound.audio.schedule import Stage, Urgency, Waiting, next_to_start
from whatssound.audio.store import Changes, TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

MAX_WAITING: Final = 1000
"""Encodes that may wait; at a CPU minute each more would be a day of work on one core."""

_SHORTAGES: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM))
"""What passes by itself: disk, open files, processes, memory."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Encoding:
    """An encode that runs. `stored` names what is complete, as `(kbps, name)`."""

    track_id: TrackId
    kbps: tuple[int, ...]
    progress: float = 0.0
    blob_key: str | None = None
    stored: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])


@dataclass(frozen=True, slots=True)
class IngestStatistics:
    """Gauges (`waiting`, `running`) and counters since the start."""

    waiting: int
    running: int
    finished: int
    failed: int
    refused: int
    segments: int


class Ingest:
    """Encodes tracks one stage at a time; see `audio.schedule` for the order.

    A track is in here at most once a stage. Bounded by `MAX_WAITING`: above it `enqueue` says no. What was queued or
    running when the process died starts over at `start`. `work` is a scratch folder on the same disk as the blobs.
    """

    def __init__(self, store: TrackStore, encoder: Encoder, blobs: BlobStore, keys: Keys, *, work: Path) -> None:
        self._store = store
        self._encoder = encoder
        self._blobs = blobs
        self._keys = keys
        self._work = work
        self._waiting: dict[tuple[TrackId, Stage], Waiting] = {}
        self._running: dict[tuple[TrackId, Stage], Encoding] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._callbacks: list[Callable[[Track], None]] = []
        self._step = asyncio.Event()
        self._order = 0
        self._open = False
        self._counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Empty the scratch folder and take up what was left undone."""
        await asyncio.to_thread(_emptied, self._work)
        await self._encoder.start()
        self._open = True
        for track in await self._store.with_status("queued", "encoding"):
            await self.enqueue(track, "asked")

    async def stop(self) -> None:
        """End every encode, and wait until the children are gone. What ran starts over next time."""
        self._open = False
        self._waiting.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._encoder.stop()

    async def enqueue(self, track: Track, urgency: Urgency, stage: Stage = "first") -> bool:
        """Have `track` encoded, or moved up when it waits already. False when too many wait or we are stopped."""
        key = (track.id, stage)
        if key in self._running:
            return True
        job = Waiting(track.id, stage, urgency, self._order)
        known = self._waiting.get(key)
        if known is not None:
            if job.more_urgent_than(known):
                self._waiting[key] = replace(known, urgency=urgency)
            self._fill()
            return True
        if not self._open or len(self._waiting) >= MAX_WAITING:
            self._counts["refused"] += 1
            return False
        self._order += 1
        self._waiting[key] = job
        if stage == "first" and track.status != "queued":
            try:
                await self._change(track.id, {"status": "queued", "reason": None})
            except OSError:
                self._waiting.pop(key, None)
                raise
        self._fill()
        return True

    def encoding(self, blob_key: str, kbps: int) -> Encoding | None:
        """The running encode that makes this rendition, or None."""
        for encoding in self._running.values():
            if encoding.blob_key == blob_key and kbps in encoding.kbps:
                return encoding
        return None

    def busy_with(self, track_id: TrackId, stage: Stage = "first") -> bool:
        """Whether this stage of the track waits or runs."""
        return (track_id, stage) in self._running or (track_id, stage) in self._waiting

    def shown(self, track: Track) -> Track:
        """`track` with the progress of its running encode; `available` when it waited for one that is gone."""
        encoding = self._running.get((track.id, "first"))
        if encoding is not None:
            return replace(track, progress=encoding.progress)
        if self._open and track.status in ("queued", "encoding") and not self.busy_with(track.id):
            return replace(track, status="available")  # a full disk did not let us write that down
        return track

    def next_step(self) -> asyncio.Event:
        """Set at the next change of anything here: take it, look, then wait for it."""
        return self._step

    def on_changed(self, callback: Callable[[Track], None]) -> None:
        """Call back, on the loop, whenever a track changed. Callbacks must not block or raise."""
        self._callbacks.append(callback)

    def statistics(self) -> IngestStatistics:
        """What the metrics show."""
        count = self._counts
        return IngestStatistics(
            waiting=len(self._waiting),
            running=len(self._running),
            finished=count["finished"],
            failed=count["failed"],
            refused=count["refused"],
            segments=count["segments"],
        )

    def _fill(self) -> None:
        while self._open and (job := next_to_start(list(self._waiting.values()), len(self._running))) is not None:
            del self._waiting[job.track_id, job.stage]
            kbps = (ladder.FIRST,) if job.stage == "first" else ladder.REST
            encoding = self._running[job.track_id, job.stage] = Encoding(job.track_id, kbps)
            task = asyncio.create_task(self._run(job, encoding), name=f"encode {job.track_id} {job.stage}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Waiting, encoding: Encoding) -> None:
        track: Track | None = None
        try:
            track = await self._encode(job, encoding)
        except (EncodeFailed, OSError) as error:
            await self._fail(job, _reason(error), "available" if _passes(error) else "failed")
        except Exception as error:  # the job's edge: a bug in one encode must not end the queue
            _log.exception("encode_crashed", track_id=str(job.track_id), stage=job.stage)
            await self._fail(job, f"The server made a mistake ({type(error).__name__}).", "failed")
        finally:
            del self._running[job.track_id, job.stage]
            self._stepped()
        if track is not None and job.stage == "first" and self._open:
            await self.enqueue(track, "asked", "rest")  # which writes nothing down
        self._fill()

    async def _encode(self, job: Waiting, encoding: Encoding) -> Track | None:
        track = await self._store.get(job.track_id)
        if track is None:
            return None
        if job.stage == "first":
            await self._change(track.id, {"status": "encoding", "reason": None})
        digest = await asyncio.to_thread(_sha256, Path(track.path))
        encoding.blob_key = self._keys.blob_key(digest)
        scratch = self._work / secrets.token_hex(8)
        await asyncio.to_thread(scratch.mkdir, parents=True)
        samples = track.samples if job.stage == "rest" else None
        analyse = job.stage == "first"
        request = EncodeJob(Path(track.path), encoding.kbps, scratch, analyse, samples, job.background)
        try:
            async with contextlib.aclosing(self._encoder.encode(request)) as reports:
                async for report in reports:
                    await self._take(job, encoding, encoding.blob_key, report)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        self._counts["finished"] += 1
        if job.stage == "first":
            return await self._change(track.id, {"status": "ready", "reason": None})
        return track

    async def _take(self, job: Waiting, encoding: Encoding, blob_key: str, report: Report) -> None:
        match report:
            case Counted(samples, rate_hz) if job.stage == "first":
                await self._change(job.track_id, {**_length(samples, rate_hz), "blob_key": blob_key})
            case Stored(kbps, name, file, done):
                await self._blobs.put_file(file_name(blob_key, kbps, name), file)
                encoding.stored.add((kbps, name))
                encoding.progress = done
                self._counts["segments"] += 1
                await self._show(job)
            case RenditionDone():
                await self._blobs.put(about_name(blob_key, report.kbps), encoded_about(report))
            case Analysed():
                await self._change(job.track_id, _analysis(report))
            case _:
                pass

    async def _fail(self, job: Waiting, reason: str, status: TrackStatus) -> None:
        """`failed` is the file's own fault and takes it out of rooms; after `available` it is tried when wanted."""
        self._counts["failed"] += 1
        _log.warning("encode_failed", track_id=str(job.track_id), stage=job.stage, reason=reason)
        if job.stage == "first":
            try:
                await self._change(job.track_id, {"status": status, "reason": reason})
            except OSError as error:
                _log.warning("encode_failure_not_kept", track_id=str(job.track_id), error=str(error))

    async def _show(self, job: Waiting) -> None:
        if job.stage == "first" and (track := await self._store.get(job.track_id)) is not None:
            self._tell(track)
        self._stepped()

    async def _change(self, track_id: TrackId, changes: Changes) -> Track | None:
        track = await self._store.change(track_id, changes)
        if track is not None:
            self._tell(track)
        self._stepped()
        return track

    def _tell(self, track: Track) -> None:
        shown = self.shown(track)
        for callback in self._callbacks:
            callback(shown)

    def _stepped(self) -> None:
        self._step.set()
        self._step = asyncio.Event()


def _length(samples: int, rate_hz: int) -> Changes:
    return {"samples": samples, "rate_hz": rate_hz, "duration_ms": ladder.duration_ms(samples, rate_hz)}


def _analysis(report: Analysed) -> Changes:
    return {
        **_length(report.samples, report.rate_hz),
        "loudness_lufs": report.loudness_lufs,
        "true_peak_db": report.true_peak_db,
        "peaks": report.peaks,
    }


def _reason(error: EncodeFailed | OSError) -> str:
    if isinstance(error, EncodeFailed):
        return error.reason
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The server's disk is full."
    if error.errno in _SHORTAGES:
        return "The server has no memory or no files left for this; it tries again when somebody wants to hear it."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "The file is no longer there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "We are not allowed to read this file."
    return "The server could not read or write this file."


def _passes(error: EncodeFailed | OSError) -> bool:
    """Whether the server was short of something, so that the same file may be encoded later."""
    return isinstance(error, OSError) and error.errno in _SHORTAGES


def _sha256(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
