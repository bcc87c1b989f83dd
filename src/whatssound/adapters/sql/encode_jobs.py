"""EncodeJobs on the relational database."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from whatssound.adapters.sql.database import Database
from whatssound.adapters.sql.tables import encode_jobs, tracks
from whatssound.audio.jobs import Answer, Counts
from whatssound.audio.schedule import Job, JobKey, Stage, Urgency, turn_of
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

_COLUMNS = [
    encode_jobs.c[name]
    for name in ("track_id", "stage", "urgency", "asked_ms", "state", "attempts", "reason", "holder")
]
_KEY = tuple_(encode_jobs.c.track_id, encode_jobs.c.stage)
_WAITING = {"state": "waiting", "holder": None, "until_ms": 0}


class SqlEncodeJobs:
    """Keeps them in the table `encode_jobs`. Each transaction begins with a write, so that none finds its view old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, track_id: TrackId, stage: Stage, urgency: Urgency, *, now_ms: int, limit: int) -> Answer:
        """See EncodeJobs."""
        wanted = Job(track_id, stage, urgency, now_ms)
        sooner = update(encode_jobs).where(_is(wanted), _open(), encode_jobs.c.turn > wanted.turn)
        async with self._database.write() as connection:
            await connection.execute(sooner.values(urgency=urgency, turn=wanted.turn))
            if await connection.scalar(select(encode_jobs.c.track_id).where(_is(wanted), _open())) is not None:
                return "known"
            waiting = select(func.count()).where(encode_jobs.c.state == "waiting")
            if (await connection.scalar(waiting) or 0) >= limit:
                return "full"
            await _put(connection, wanted)
        return "new"

    async def next(self, now_ms: int, *, but: Collection[JobKey] = ()) -> Job | None:
        """See EncodeJobs; the free ones in the order of an index."""
        order = (encode_jobs.c.turn, encode_jobs.c.asked_ms, encode_jobs.c.track_id)
        free = select(*_COLUMNS).where(_free(now_ms), _KEY.not_in(list(but))).order_by(*order).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(free)).first()
        return None if row is None else _job_of(row)

    async def claim(self, job: Job, holder: str, *, now_ms: int, until_ms: int) -> Job | None:
        """See EncodeJobs."""
        taken = {
            "state": "running",
            "holder": holder,
            "until_ms": until_ms,
            "attempts": encode_jobs.c.attempts + 1,
        }
        statement = update(encode_jobs).where(_is(job), _free(now_ms)).values(taken).returning(*_COLUMNS)
        async with self._database.write() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else _job_of(row)

    async def renew(self, holder: str, keys: Collection[JobKey], *, until_ms: int) -> set[JobKey]:
        """See EncodeJobs."""
        ours = (encode_jobs.c.state == "running") & (encode_jobs.c.holder == holder) & _KEY.in_(list(keys))
        statement = update(encode_jobs).where(ours).values(until_ms=until_ms)
        async with self._database.write() as connection:
            rows = await connection.execute(statement.returning(encode_jobs.c.track_id, encode_jobs.c.stage))
            return {(TrackId(row.track_id), row.stage) for row in rows}

    async def finish(self, job: Job, *, then: Stage | None = None, now_ms: int = 0) -> bool:
        """See EncodeJobs."""
        async with self._database.write() as connection:
            if (await connection.execute(delete(encode_jobs).where(_held(job)))).rowcount == 0:
                return False
            if then is not None:
                await _put(connection, Job(job.track_id, then, "asked", now_ms))
        return True

    async def fail(self, job: Job, reason: str, *, shown: TrackStatus) -> bool:
        """See EncodeJobs."""
        failed = {"state": "failed", "reason": reason, "holder": None, "until_ms": 0}
        async with self._database.write() as connection:
            if (await connection.execute(update(encode_jobs).where(_held(job)).values(failed))).rowcount == 0:
                return False
            await _show(connection, job, shown, reason)
        return True

    async def give_back(self, job: Job, reason: str | None = None) -> bool:
        """See EncodeJobs; the more urgent of two wishes stays."""
        sooner = encode_jobs.c.turn < job.turn
        values = {
            **_WAITING,
            "urgency": case((sooner, encode_jobs.c.urgency), else_=job.urgency),
            "turn": case((sooner, encode_jobs.c.turn), else_=job.turn),
            "attempts": job.attempts,
            "reason": reason,
        }
        async with self._database.write() as connection:
            if (await connection.execute(update(encode_jobs).where(_held(job)).values(values))).rowcount == 0:
                return False
            await _show(connection, job, "queued")
        return True

    async def forget(self, track_id: TrackId) -> None:
        """See EncodeJobs."""
        async with self._database.write() as connection:
            await connection.execute(delete(encode_jobs).where(encode_jobs.c.track_id == track_id))

    async def let_go(self, pool: str) -> int:
        """See EncodeJobs."""
        theirs = (encode_jobs.c.state == "running") & encode_jobs.c.holder.startswith(f"{pool}/", autoescape=True)
        async with self._database.write() as connection:
            return (await connection.execute(update(encode_jobs).where(theirs).values(until_ms=0))).rowcount

    async def get(self, track_id: TrackId, stage: Stage) -> Job | None:
        """See EncodeJobs."""
        one = (encode_jobs.c.track_id == track_id) & (encode_jobs.c.stage == stage)
        async with self._database.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(one))).first()
        return None if row is None else _job_of(row)

    async def asked(self, track_ids: Collection[TrackId]) -> dict[JobKey, Urgency]:
        """See EncodeJobs."""
        theirs = select(*_COLUMNS).where(encode_jobs.c.track_id.in_(list(track_ids)), _open())
        async with self._database.read() as connection:
            jobs = [_job_of(row) for row in await connection.execute(theirs)]
        return {job.key: job.urgency for job in jobs}

    async def counts(self) -> Counts:
        """See EncodeJobs."""
        number = func.count().label("number")
        by_state = select(encode_jobs.c.state, number).where(_open()).group_by(encode_jobs.c.state)
        async with self._database.read() as connection:
            count: dict[str, int] = {row.state: row.number for row in await connection.execute(by_state)}
        return Counts(count.get("waiting", 0), count.get("running", 0))


async def _put(connection: AsyncConnection, job: Job) -> None:
    """A new job, or a known one as if it were new unless it is waited for already."""
    new = {
        **_WAITING,
        "urgency": job.urgency,
        "turn": turn_of(job.stage, job.urgency),
        "asked_ms": job.asked_ms,
        "attempts": 0,
        "reason": None,
    }
    statement = insert(encode_jobs).values(track_id=job.track_id, stage=job.stage, **new)
    failed = encode_jobs.c.state == "failed"
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["track_id", "stage"], set_=new, where=failed)
    )
    await _show(connection, job, "queued")


async def _show(connection: AsyncConnection, job: Job, status: TrackStatus, reason: str | None = None) -> None:
    if job.stage == "first":
        shown = {"status": status, "reason": reason}
        await connection.execute(update(tracks).where(tracks.c.id == job.track_id).values(shown))


def _is(job: Job) -> ColumnElement[bool]:
    return (encode_jobs.c.track_id == job.track_id) & (encode_jobs.c.stage == job.stage)


def _held(job: Job) -> ColumnElement[bool]:
    return _is(job) & (encode_jobs.c.state == "running") & (encode_jobs.c.holder == job.holder)


def _open() -> ColumnElement[bool]:
    return encode_jobs.c.state.in_(("waiting", "running"))


def _free(now_ms: int) -> ColumnElement[bool]:
    lapsed = (encode_jobs.c.state == "running") & (encode_jobs.c.until_ms <= now_ms)
    return or_(encode_jobs.c.state == "waiting", lapsed)


def _job_of(row: Row[Any]) -> Job:
    return Job(
        TrackId(row.track_id), row.stage, row.urgency, row.asked_ms, row.state, row.attempts, row.reason, row.holder
    )
