"""The encode queue: who is next, what is running, what became of it."""

import asyncio
import shutil
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from whatssound.audio.blobs import BlobStore
from whatssound.audio.cache import Cache, CacheFull, CacheStatistics
from whatssound.audio.encoded import EncodedStore
from whatssound.audio.encoder import EncodeFailed, Encoder
from whatssound.audio.encoding import RUNGS, Encodes, Encoding
from whatssound.audio.failures import SourceChanged, passes, reason_of
from whatssound.audio.keys import Keys
from whatssound.audio.overview import Failure, IngestStatistics, Overview, Running
from whatssound.audio.renditions import Renditions
from whatssound.audio.schedule import RANK, Stage, Urgency, Waiting, next_to_start
from whatssound.audio.store import Changes, TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

MAX_WAITING: Final = 1000
"""Encodes that may wait; at a CPU minute each more would be a day of work on one core."""

MAX_SHOWN: Final = 100
"""Failed tracks that `overview` names, and reasons that are remembered."""

LOOK_AGAIN_S: Final = 2.0
"""While no encode finds room in the cache, queues are asked so often whether something has left them."""

SHOWN_STEP: Final = 0.08
"""Progress is told in steps of so much; a track of 3 minutes has 45 segments in each rung."""

TRIES: Final = 3
"""How often a file that changes under the encoder is begun anew."""

_log = structlog.get_logger()

_Key = tuple[TrackId, Stage]


class Ingest:
    """Encodes tracks one stage at a time; see `audio.schedule` for the order.

    A track is in here at most once a stage. Bounded by `MAX_WAITING`: above it `enqueue` says no. What was queued or
    running when the process died starts over at `start`. `work` is a scratch folder on the same disk as the blobs.
    When the cache has no room for the next encode, everything less urgent waits with it; other rungs and Ogg files are
    dropped instead, for they are asked for again.
    """

    def __init__(
        self,
        store: TrackStore,
        encoder: Encoder,
        blobs: BlobStore,
        *,
        encoded: EncodedStore,
        keys: Keys,
        cache: Cache,
        renditions: Renditions,
        work: Path,
    ) -> None:
        self._store = store
        self._encoded = encoded
        self._encoder = encoder
        self._cache = cache
        self._work = work
        self._encodes = Encodes(
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
        self._waiting: dict[_Key, Waiting] = {}
        self._running: dict[_Key, Encoding] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._held: Waiting | None = None
        self._look_again: asyncio.TimerHandle | None = None
        self._reasons: OrderedDict[_Key, str] = OrderedDict()
        self._tries: Counter[TrackId] = Counter()
        self._callbacks: list[Callable[[Track], None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._step = asyncio.Event()
        self._order = 0
        self._open = False
        self._counts: Counter[str] = Counter()
        cache.on_evicted(self._evicted)

    async def start(self) -> None:
        """Empty the scratch folder, take up the cache's accounts and what was left undone."""
        await self._cache.start()
        await asyncio.to_thread(_emptied, self._work)
        await self._encoder.start()
        self._open = True
        for track in await self._store.with_status("queued", "encoding"):
            await self.enqueue(track, "asked")

    async def stop(self) -> None:
        """End every encode, and wait until the children are gone. What ran starts over next time."""
        self._open = False
        self._waiting.clear()
        self._release()
        tasks = (*self._tasks.values(), *self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._encoder.stop()
        await self._cache.stop()

    async def enqueue(self, track: Track, urgency: Urgency, stage: Stage = "first") -> bool:
        """Have `track` encoded, or moved up when it waits already. False when too many wait or we are stopped."""
        key = (track.id, stage)
        if (running := self._running.get(key)) is not None:
            running.urgency = min(running.urgency, urgency, key=RANK.__getitem__)
            return True
        job = Waiting(track.id, stage, urgency, self._order)
        known = self._waiting.get(key)
        if known is not None:
            if job.more_urgent_than(known):
                self._waiting[key] = replace(known, urgency=urgency)
                self._release()
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

    async def end(self, track_id: TrackId) -> None:
        """Drop the track: what waits is forgotten, what runs is ended before this returns."""
        for key in [key for key in self._waiting if key[0] == track_id]:
            del self._waiting[key]
        tasks = [task for key, task in self._tasks.items() if key[0] == track_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._release()
        self._fill()

    def announce(self, track: Track) -> None:
        """Tell everybody how the track is now."""
        self._tell(track)
        self._stepped()

    async def asked_for(self, *track_ids: TrackId) -> None:
        """Somebody wants the tracks: what is encoded of them stays for a while. To be called before looking at them."""
        await self._cache.asked_for(*track_ids)

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
        if (track.id, "first") in self._waiting:
            return replace(track, status="queued", reason=None if self._held is None else CacheFull.reason)
        if self._open and track.status in ("queued", "encoding") and not self.busy_with(track.id):
            return replace(track, status="available")  # a full disk did not let us write that down
        return track

    def why_not(self, track_id: TrackId, stage: Stage) -> str | None:
        """Why this stage of the track did not come to its end the last time; None when it did, or never began."""
        return self._reasons.get((track_id, stage))

    async def overview(self) -> Overview:
        """Progress and reasons, for one place where people see them."""
        failed = await self._encoded.failed(MAX_SHOWN)
        running = dict(self._running)
        ids = {*failed, *(track_id for track_id, _ in running)}
        known = {track.id: track for track in await self._store.several(list(ids))}
        return Overview(
            waiting=len(self._waiting),
            running=[
                Running(track_id, known[track_id].title, encoding.progress)
                for (track_id, _), encoding in running.items()
                if track_id in known
            ],
            failed=[Failure(id, known[id].title, known[id].reason or "") for id in failed if id in known],
            held=CacheFull.reason if self._held is not None else None,
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
        count = self._counts
        return IngestStatistics(
            waiting=len(self._waiting),
            running=len(self._running),
            finished=count["finished"],
            failed=count["failed"],
            refused=count["refused"],
            segments=count["segments"],
            held=int(self._held is not None),
        )

    def _fill(self) -> None:
        while self._open and (job := next_to_start(self._startable(), len(self._running))) is not None:
            key = (job.track_id, job.stage)
            del self._waiting[key]
            encoding = self._running[key] = Encoding(job.track_id, RUNGS[job.stage], job.urgency)
            self._tasks[key] = asyncio.create_task(self._run(job, encoding), name=f"encode {job.track_id} {job.stage}")

    def _startable(self) -> list[Waiting]:
        """While one is held for want of room, only what is more urgent may try."""
        held = self._held
        return [job for job in self._waiting.values() if held is None or job.rank < held.rank]

    async def _run(self, job: Waiting, encoding: Encoding) -> None:
        key = (job.track_id, job.stage)
        track: Track | None = None
        again: Waiting | None = None
        try:
            track = await self._encodes.run(job, encoding)
            self._reasons.pop(key, None)
            self._tries.pop(job.track_id, None)
            self._counts["finished"] += 1
        except CacheFull:
            again = self._hold(job)
        except SourceChanged:
            again = await self._changed_meanwhile(job)
        except (EncodeFailed, OSError) as error:
            await self._fail(job, reason_of(error), "available" if passes(error) else "failed")
        except Exception as error:  # the job's edge: a bug in one encode must not end the queue
            _log.exception("encode_crashed", track_id=str(job.track_id), stage=job.stage)
            await self._fail(job, f"The server made a mistake ({type(error).__name__}).", "failed")
        finally:
            del self._running[key], self._tasks[key]
            self._stepped()
        if again is not None and self._open:
            self._waiting.setdefault(key, replace(again, urgency=encoding.urgency))
        else:
            self._release()
        if track is not None and job.stage == "first" and self._open:
            await self.enqueue(track, "asked", "rest")  # which writes nothing down
        self._fill()

    def _hold(self, job: Waiting) -> Waiting | None:
        """Nothing may go from the cache now: look again in a while."""
        self._remember(job, CacheFull.reason)
        if job.stage != "first":
            return None
        self._held = job if self._held is None else min(self._held, job, key=lambda held: held.rank)
        if self._look_again is None and self._open:
            loop = asyncio.get_running_loop()
            self._look_again = loop.call_later(LOOK_AGAIN_S, self._look)
        return job

    def _look(self) -> None:
        self._release()
        self._fill()

    def _release(self) -> None:
        self._held = None
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None

    async def _changed_meanwhile(self, job: Waiting) -> Waiting | None:
        self._tries[job.track_id] += 1
        if self._tries[job.track_id] < TRIES:
            return job
        del self._tries[job.track_id]
        await self._fail(job, SourceChanged.reason, "available")
        return None

    async def _fail(self, job: Waiting, reason: str, status: TrackStatus) -> None:
        """`failed` is the file's own fault and takes it out of rooms; after `available` it is tried when wanted."""
        self._counts["failed"] += 1
        self._remember(job, reason)
        _log.warning("encode_failed", track_id=str(job.track_id), stage=job.stage, reason=reason)
        if job.stage == "first":
            try:
                await self._change(job.track_id, {"status": status, "reason": reason})
            except OSError as error:
                _log.warning("encode_failure_not_kept", track_id=str(job.track_id), error=str(error))

    def _remember(self, job: Waiting, reason: str) -> None:
        self._reasons[job.track_id, job.stage] = reason
        if len(self._reasons) > MAX_SHOWN:
            self._reasons.popitem(last=False)

    async def _stored(self, job: Waiting) -> None:
        self._counts["segments"] += 1
        encoding = self._running[job.track_id, job.stage]
        if job.stage == "first" and encoding.progress - encoding.told >= SHOWN_STEP:
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
