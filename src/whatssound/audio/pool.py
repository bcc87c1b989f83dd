"""The pool of encoders: takes jobs, holds them while it works, says what became of them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import structlog

from whatssound.audio.cache import CacheFull
from whatssound.audio.encoder import EncodeFailed
from whatssound.audio.encoding import RUNGS, Encodes, Encoding
from whatssound.audio.failures import STOPPED, SourceChanged, passes, reason_of
from whatssound.audio.jobs import Counts, EncodeJobs
from whatssound.audio.schedule import RANK, Job, JobKey, Urgency
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

LIFE_MS: Final = 15_000
"""How long a job is held without a word. A pool that was stopped for longer finds its work done twice, not wrong."""

RENEW_MS: Final = 5_000
"""One write for everything that runs; once in vain, and the next still comes in time."""

POLL_S: Final = 5.0
"""How often jobs are looked for that nobody told us of: of a pool that died, or asked for in another process."""

LOOK_AGAIN_S: Final = 2.0
"""While no encode finds room in the cache, queues are asked so often whether something has left them."""

TRIES: Final = 3
"""How often a job is begun, when its file changes under the encoder or its pool dies, until somebody asks again."""

_log = structlog.get_logger()


class PoolStatistics(NamedTuple):
    """How many jobs wait (as of the last look), and counters since the start."""

    waiting: int
    finished: int
    failed: int
    overtaken: int


@dataclass(slots=True)
class _Work:
    """A job of ours, and the task that does it."""

    job: Job
    encoding: Encoding
    task: asyncio.Task[None] | None = None


class Pool:
    """Does the most urgent jobs, as many at a time as `audio.schedule` allows. One a host.

    `holder` is `<pool>/<start>`: the same pool in each start, another start each time. `failed` is called with
    a track whose job has failed, `stepped` at every change. When the cache has no room for the next encode, everything
    less urgent waits with it; other rungs and Ogg files are dropped instead, for they are asked for again.
    """

    def __init__(
        self,
        jobs: EncodeJobs,
        encodes: Encodes,
        *,
        holder: str,
        now_ms: Callable[[], float],
        failed: Callable[[TrackId], Awaitable[None]],
        stepped: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._encodes = encodes
        self._holder = holder
        self._now_ms = now_ms
        self._failed = failed
        self._stepped = stepped
        self._working: dict[JobKey, _Work] = {}
        self._held: Job | None = None
        self._look_again: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._renew_ms = 0.0
        self._rows = Counts(0, 0)
        self._counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Begin; what an earlier start of this pool held is free at once, for it is dead."""
        try:
            await self._jobs.let_go(self._holder.partition("/")[0])
        except OSError as error:  # a full disk: its leases end by themselves
            _log.warning("encode_jobs_not_freed", error=str(error))
        self._own(asyncio.create_task(self._look_for_jobs(), name="encode pool"))

    async def stop(self) -> None:
        """End every encode, wait until the children are gone, and give back what was not done."""
        left = list(self._working.values())
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._release()
        for work in left:
            await self._written(self._jobs.give_back(_untried(work)))

    def wake(self) -> None:
        """There may be something to do, now."""
        self._woken.set()

    def hurry(self, key: JobKey, urgency: Urgency) -> bool:
        """Whether the job runs here; it is then at least as urgent as `urgency`."""
        if (work := self._working.get(key)) is None:
            return False
        work.encoding.urgency = min(work.encoding.urgency, urgency, key=RANK.__getitem__)
        return True

    async def end(self, track_id: TrackId) -> None:
        """Forget the track's jobs; what runs is ended before this returns. Raises OSError."""
        async with self._beginning:
            await self._jobs.forget(track_id)
            tasks = [work.task for key, work in self._working.items() if key[0] == track_id and work.task is not None]
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._release()
        self.wake()

    @property
    def running(self) -> dict[JobKey, Encoding]:
        """What is being encoded here."""
        return {key: work.encoding for key, work in self._working.items()}

    def encoding(self, key: JobKey) -> Encoding | None:
        """The encode that does this job here, or None."""
        return None if (work := self._working.get(key)) is None else work.encoding

    @property
    def held(self) -> bool:
        """Whether the next encode waits for room in the cache."""
        return self._held is not None

    def statistics(self) -> PoolStatistics:
        """What the metrics show."""
        count = self._counts
        return PoolStatistics(self._rows.waiting, count["finished"], count["failed"], count["overtaken"])

    async def _look_for_jobs(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._renew()
                while await self._begin():
                    pass
                self._rows = await self._jobs.counts()
            except OSError as error:
                _log.warning("encode_jobs_not_reached", error=str(error))
            try:
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            except TimeoutError:
                self._stepped()  # who waits for another pool's work looks again

    async def _renew(self) -> None:
        now_ms = self._now_ms()
        if self._working and now_ms >= self._renew_ms:
            await self._jobs.renew(self._holder, list(self._working), until_ms=int(now_ms) + LIFE_MS)
            self._renew_ms = now_ms + RENEW_MS

    async def _begin(self) -> bool:
        """Begin the next job; False when there is none, or it has to wait."""
        now_ms = int(self._now_ms())
        async with self._beginning:
            job = await self._jobs.next(now_ms, but=list(self._working))
            if job is None or len(self._working) >= job.ceiling or (self._held and job.rank >= self._held.rank):
                return False
            job = await self._jobs.claim(job, self._holder, now_ms=now_ms, until_ms=now_ms + LIFE_MS)
            if job is not None:
                work = self._working[job.key] = _Work(job, Encoding(job.track_id, RUNGS[job.stage], job.urgency))
                work.task = asyncio.create_task(self._run(work), name=f"encode {job.track_id} {job.stage}")
                self._own(work.task)
        return True

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: _Work) -> None:
        try:
            await self._attempt(work)
        finally:
            self._ended(work)

    def _ended(self, work: _Work) -> None:
        if self._working.get(work.job.key) is work:
            del self._working[work.job.key]
        self._stepped()
        self.wake()

    async def _attempt(self, work: _Work) -> None:
        job = work.job
        if job.attempts > TRIES:
            await self._fail(work, job.reason or STOPPED, "available")
            return
        try:
            track = await self._encodes.run(job, work.encoding)
        except CacheFull:
            await self._hold(work)
        except SourceChanged:
            await self._changed_meanwhile(work)
        except (EncodeFailed, OSError) as error:
            await self._fail(work, reason_of(error), "available" if passes(error) else "failed")
        except Exception as error:  # the job's edge: a bug in one encode must not end the pool
            _log.exception("encode_crashed", track_id=str(job.track_id), stage=job.stage)
            await self._fail(work, f"The server made a mistake ({type(error).__name__}).", "failed")
        else:
            self._release()
            self._counts["finished"] += 1
            then = "rest" if job.stage == "first" and track is not None else None
            await self._written(self._jobs.finish(job, then=then, now_ms=int(self._now_ms())))

    async def _hold(self, work: _Work) -> None:
        """Nothing may go from the cache now: look again in a while."""
        job = work.job
        if job.stage != "first":
            await self._written(self._jobs.fail(job, CacheFull.reason, shown="available"))
            return
        self._held = job if self._held is None else min(self._held, job, key=lambda held: held.rank)
        if self._look_again is None:
            self._look_again = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._release)
        await self._written(self._jobs.give_back(_untried(work)))

    def _release(self) -> None:
        self._held = None
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None
        self.wake()

    async def _changed_meanwhile(self, work: _Work) -> None:
        if work.job.attempts >= TRIES:
            await self._fail(work, SourceChanged.reason, "available")
            return
        again = replace(work.job, urgency=work.encoding.urgency)
        await self._written(self._jobs.give_back(again, SourceChanged.reason))

    async def _fail(self, work: _Work, reason: str, shown: TrackStatus) -> None:
        """`failed` is the file's own fault and takes it out of rooms; after `available` it is tried when wanted.

        People are told once they can ask again.
        """
        self._release()
        self._counts["failed"] += 1
        _log.warning("encode_failed", track_id=str(work.job.track_id), stage=work.job.stage, reason=reason)
        if await self._written(self._jobs.fail(work.job, reason, shown=shown)):
            self._ended(work)
            await self._failed(work.job.track_id)

    async def _written(self, end: Awaitable[bool]) -> bool:
        """What cannot be written down is taken up again when its lease has ended."""
        try:
            kept = await end
        except OSError as error:
            _log.warning("end_of_encode_not_kept", error=str(error))
            return False
        self._counts["overtaken"] += not kept
        return kept


def _untried(work: _Work) -> Job:
    """The job as it is given back when that is nobody's fault."""
    return replace(work.job, urgency=work.encoding.urgency, attempts=work.job.attempts - 1)
