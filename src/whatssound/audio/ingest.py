"""Encoding: who asks for it, who watches it, what is known of it."""

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from whatssound.audio.blobs import BlobStore
from whatssound.audio.cache import Cache, CacheFull, CacheStatistics
from whatssound.audio.encoded import EncodedStore
from whatssound.audio.encoder import Encoder
from whatssound.audio.encoding import Encodes, Encoding
from whatssound.audio.jobs import EncodeJobs
from whatssound.audio.keys import Keys
from whatssound.audio.overview import Failure, IngestStatistics, Overview, Running
from whatssound.audio.pool import Pool
from whatssound.audio.renditions import Renditions
from whatssound.audio.schedule import Job, JobKey, Stage, Urgency
from whatssound.audio.store import Changes, TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId

MAX_WAITING: Final = 1000
"""Encodes that may wait; at a CPU minute each more would be a day of work on one core."""

MAX_SHOWN: Final = 100
"""Failed tracks that `overview` names."""

SHOWN_STEP: Final = 0.08
"""Progress is told in steps of so much; a track of 3 minutes has 45 segments in each rung."""


class Ingest:
    """Has tracks encoded one stage at a time by this host's pool; see `audio.schedule` for the order.

    What is to be done stands in `jobs`, and nowhere else: it survives a kill, and whoever holds a lease there does it.
    Bounded by `MAX_WAITING`: above it `enqueue` says no. `work` is a scratch folder of this process alone, on the same
    disk as the blobs; `holder` names this start of this host's pool, as `<pool>/<start>`.
    """

    def __init__(
        self,
        store: TrackStore,
        encoder: Encoder,
        blobs: BlobStore,
        *,
        jobs: EncodeJobs,
        encoded: EncodedStore,
        keys: Keys,
        cache: Cache,
        renditions: Renditions,
        work: Path,
        holder: str,
        now_ms: Callable[[], float],
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._encoded = encoded
        self._encoder = encoder
        self._cache = cache
        self._work = work
        self._now_ms = now_ms
        encodes = Encodes(
            store,
            encoder,
            blobs,
            keys=keys,
            cache=cache,
            renditions=renditions,
            work=work,
            change=self._change,
            step=self._stored,
        )
        self._pool = Pool(jobs, encodes, holder=holder, now_ms=now_ms, failed=self._look_at, stepped=self._stepped)
        self._callbacks: list[Callable[[Track], None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._step = asyncio.Event()
        self._open = False
        self._counts: Counter[str] = Counter()
        cache.on_evicted(self._evicted)

    async def start(self) -> None:
        """Empty the scratch folder, take up the cache's accounts and what was left undone."""
        await self._cache.start()
        await asyncio.to_thread(_emptied, self._work)
        await self._encoder.start()
        self._open = True
        await self._pool.start()

    async def stop(self) -> None:
        """End every encode, and wait until the children are gone. What ran starts over, here or elsewhere."""
        self._open = False
        await self._pool.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._encoder.stop()
        await self._cache.stop()

    async def enqueue(self, track: Track, urgency: Urgency, stage: Stage = "first") -> bool:
        """Have `track` encoded, or moved up when it waits already. False when too many wait or we are stopped."""
        if self._pool.hurry((track.id, stage), urgency):
            return True
        now_ms = int(self._now_ms())
        answer = "full"
        if self._open:
            answer = await self._jobs.ask(track.id, stage, urgency, now_ms=now_ms, limit=MAX_WAITING)
        if answer == "full":
            self._counts["refused"] += 1
            return False
        self._pool.wake()
        if answer == "new" and stage == "first" and track.status != "queued":
            self._tell(replace(track, status="queued", reason=None, progress=0.0))
        self._stepped()
        return True

    async def end(self, track_id: TrackId) -> None:
        """Drop the track: what waits is forgotten, what runs is ended before this returns. Raises OSError."""
        await self._pool.end(track_id)
        self._stepped()

    def announce(self, track: Track) -> None:
        """Tell everybody how the track is now."""
        self._tell(track)
        self._stepped()

    async def asked_for(self, *track_ids: TrackId) -> None:
        """Somebody wants the tracks: what is encoded of them stays for a while. To be called before looking at them."""
        await self._cache.asked_for(*track_ids)

    def encoding(self, blob_key: str, kbps: int) -> Encoding | None:
        """The encode of this host that makes this rendition now, or None."""
        for encoding in self._pool.running.values():
            if encoding.blob_key == blob_key and kbps in encoding.kbps:
                return encoding
        return None

    async def busy_with(self, track_id: TrackId, stage: Stage = "first") -> bool:
        """Whether this stage of the track waits or runs, here or elsewhere. Look at the track after this."""
        if self._pool.encoding((track_id, stage)) is not None:
            return True
        job = await self._jobs.get(track_id, stage)
        return job is not None and job.state != "failed"

    def shown(self, track: Track) -> Track:
        """`track` with the progress of its running encode; with the reason why no encode begins, while that is so."""
        encoding = self._pool.encoding((track.id, "first"))
        if encoding is not None:
            return replace(track, progress=encoding.progress)
        if track.status == "queued" and self._pool.held:
            return replace(track, reason=CacheFull.reason)
        return track

    async def asked(self, track_ids: Sequence[TrackId]) -> dict[JobKey, Urgency]:
        """What waits or runs of these tracks (at most 500), and how urgently each is wanted."""
        asked = await self._jobs.asked(track_ids)
        running = self._pool.running
        return {key: running[key].urgency if key in running else urgency for key, urgency in asked.items()}

    async def why_not(self, track_id: TrackId, stage: Stage) -> str | None:
        """Why this stage of the track did not come to its end the last time; None when it did, or never began."""
        job = await self._jobs.get(track_id, stage)
        return None if job is None else job.reason

    async def overview(self) -> Overview:
        """Progress and reasons, for one place where people see them."""
        failed = await self._encoded.failed(MAX_SHOWN)
        waiting = (await self._jobs.counts()).waiting
        running = self._pool.running
        ids = {*failed, *(track_id for track_id, _ in running)}
        known = {track.id: track for track in await self._store.several(list(ids))}
        return Overview(
            waiting=waiting,
            running=[
                Running(track_id, known[track_id].title, encoding.progress)
                for (track_id, _), encoding in running.items()
                if track_id in known
            ],
            failed=[Failure(id, known[id].title, known[id].reason or "") for id in failed if id in known],
            held=CacheFull.reason if self._pool.held else None,
        )

    def cache_statistics(self) -> CacheStatistics:
        """What is kept of all this, and what it may take."""
        return self._cache.statistics()

    def next_step(self) -> asyncio.Event:
        """Set at the next change of anything here: take it, look, then wait for it."""
        return self._step

    def on_changed(self, callback: Callable[[Track], None]) -> None:
        """Call back, on the loop, whenever a track changed. Callbacks must not block or raise."""
        self._callbacks.append(callback)

    def statistics(self) -> IngestStatistics:
        """What the metrics show."""
        pool = self._pool.statistics()
        return IngestStatistics(
            waiting=pool.waiting,
            running=len(self._pool.running),
            finished=pool.finished,
            failed=pool.failed,
            refused=self._counts["refused"],
            segments=self._counts["segments"],
            held=int(self._pool.held),
            overtaken=pool.overtaken,
        )

    async def _stored(self, job: Job, files: int) -> None:
        self._counts["segments"] += files
        encoding = self._pool.encoding(job.key)
        if job.stage == "first" and encoding is not None and encoding.progress - encoding.told >= SHOWN_STEP:
            encoding.told = encoding.progress
            if (track := await self._store.get(job.track_id)) is not None:
                self._tell(track)
        self._stepped()

    def _evicted(self, track_ids: Sequence[TrackId]) -> None:
        task = asyncio.get_running_loop().create_task(self._tell_evicted(track_ids), name="tell of evicted tracks")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _tell_evicted(self, track_ids: Sequence[TrackId]) -> None:
        for track_id in track_ids:
            await self._look_at(track_id)

    async def _look_at(self, track_id: TrackId) -> None:
        """Tell everybody how the track is now. An error of the disk only leaves them with what they know."""
        with contextlib.suppress(OSError):
            if (track := await self._store.get(track_id)) is not None:
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


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
