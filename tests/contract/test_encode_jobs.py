"""What every EncodeJobs must do, whatever keeps the rows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.encode_jobs import SqlEncodeJobs
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.jobs import Answer, Counts, EncodeJobs
from whatssound.audio.schedule import Job, Stage, Urgency
from whatssound.audio.store import TrackStore
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackStatus

NOW_MS = 1_000
LATER_MS = 2_000
"""When the leases of this suite end."""


@dataclass
class Rows:
    """Two processes' views of the same jobs, and the tracks they are of."""

    jobs: EncodeJobs
    others: EncodeJobs
    tracks: TrackStore

    async def ask(
        self, track: int, urgency: Urgency = "asked", stage: Stage = "first", *, at_ms: int = NOW_MS, limit: int = 100
    ) -> Answer:
        return await self.jobs.ask(TrackId(track), stage, urgency, now_ms=at_ms, limit=limit)

    async def next(self, now_ms: int = NOW_MS) -> TrackId | None:
        job = await self.jobs.next(now_ms)
        return None if job is None else job.track_id

    async def claimed(self, track: int = 1, *, holder: str = "a/1", now_ms: int = NOW_MS) -> Job:
        """The next job, which must be this track's."""
        job = await self.jobs.next(now_ms)
        assert job is not None
        assert job.track_id == track
        taken = await self.jobs.claim(job, holder, now_ms=now_ms, until_ms=now_ms + LATER_MS - NOW_MS)
        assert taken is not None
        return taken

    async def add(self, track: int, status: TrackStatus, reason: str | None = None) -> None:
        new = Track(TrackId(track), "upload", f"/{track}", "T", None, None, duration_ms=1, status=status, reason=reason)
        await self.tracks.add([new], added_ms=0)

    async def status(self, track: int) -> tuple[str, str | None]:
        found = await self.tracks.get(TrackId(track))
        assert found is not None
        return found.status, found.reason


@pytest.fixture(params=["sqlite"])
async def rows(tmp_path: Path) -> AsyncIterator[Rows]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    one, other = [Database(sqlite_url(file)) for _ in range(2)]
    yield Rows(SqlEncodeJobs(one), SqlEncodeJobs(other), SqlTracks(one))
    for database in (one, other):
        await database.close()


async def test_a_job_is_there_once_a_stage(rows: Rows) -> None:
    assert [await rows.ask(1), await rows.ask(1), await rows.ask(1, stage="ogg")] == ["new", "known", "new"]
    assert await rows.jobs.counts() == Counts(2, 0)
    assert await rows.jobs.get(TrackId(1), "rest") is None


async def test_the_most_urgent_is_next_and_of_equals_the_earlier(rows: Rows) -> None:
    await rows.ask(1, "asked", "rest", at_ms=1)
    await rows.ask(2, "asked", at_ms=2)
    await rows.ask(3, "upload", at_ms=4)
    await rows.ask(4, "upload", at_ms=3)
    await rows.ask(5, "queued", at_ms=5)
    await rows.ask(6, "now", "rest", at_ms=6)
    order: list[int] = []
    while (job := await rows.jobs.next(NOW_MS)) is not None:
        order.append(job.track_id)
        assert await rows.jobs.claim(job, "a/1", now_ms=NOW_MS, until_ms=LATER_MS) is not None
    assert order == [6, 5, 4, 3, 2, 1]


async def test_what_is_left_out_is_not_next(rows: Rows) -> None:
    await rows.ask(1)
    await rows.ask(1, stage="ogg")
    job = await rows.jobs.next(NOW_MS, but=[(TrackId(1), "first")])
    assert job is not None
    assert job.key == (1, "ogg")


async def test_a_waiting_job_moves_up_and_never_down(rows: Rows) -> None:
    await rows.ask(1, "upload", at_ms=1)
    await rows.ask(2, "asked", at_ms=2)
    assert await rows.ask(2, "now") == "known"
    assert await rows.ask(2, "asked") == "known"
    assert await rows.next() == 2


async def test_too_many_waiting_are_refused_and_nothing_has_changed(rows: Rows) -> None:
    await rows.add(2, "available")
    await rows.ask(1, limit=1)
    assert await rows.ask(2, limit=1) == "full"
    assert await rows.jobs.counts() == Counts(1, 0)
    assert await rows.status(2) == ("available", None)
    assert await rows.ask(1, "now", limit=1) == "known"
    await rows.claimed(1)
    assert await rows.ask(2, limit=1) == "new"


async def test_a_track_whose_first_stage_waits_is_queued(rows: Rows) -> None:
    await rows.add(1, "failed", "It was broken.")
    await rows.add(2, "ready")
    await rows.ask(1)
    await rows.ask(2, stage="rest")
    assert await rows.status(1) == ("queued", None)
    assert await rows.status(2) == ("ready", None)


async def test_what_somebody_holds_is_nobody_else_s_until_the_lease_ends(rows: Rows) -> None:
    await rows.ask(1)
    job = await rows.claimed(1)
    assert (job.state, job.holder, job.attempts) == ("running", "a/1", 1)
    assert await rows.next(LATER_MS - 1) is None
    assert await rows.others.claim(job, "b/1", now_ms=LATER_MS - 1, until_ms=9_000) is None
    again = await rows.claimed(1, holder="b/1", now_ms=LATER_MS)
    assert (again.holder, again.attempts) == ("b/1", 2)


async def test_a_renewed_lease_ends_later(rows: Rows) -> None:
    await rows.ask(1)
    job = await rows.claimed(1)
    assert await rows.jobs.renew("a/1", [job.key], until_ms=5_000) == {job.key}
    assert await rows.next(4_999) is None
    assert await rows.next(5_000) == 1


async def test_who_lost_a_job_is_told_and_changes_nothing_of_it(rows: Rows) -> None:
    await rows.ask(1)
    lost = await rows.claimed(1)
    await rows.claimed(1, holder="b/1", now_ms=LATER_MS)
    assert await rows.jobs.renew("a/1", [lost.key], until_ms=9_000) == set()
    assert not await rows.jobs.finish(lost, then="rest")
    assert not await rows.jobs.fail(lost, "No.", shown="failed")
    assert not await rows.jobs.give_back(lost)
    now = await rows.jobs.get(TrackId(1), "first")
    assert now is not None
    assert (now.state, now.holder, now.reason) == ("running", "b/1", None)
    assert await rows.jobs.counts() == Counts(0, 1)


async def test_what_is_finished_is_gone_and_another_stage_follows_it(rows: Rows) -> None:
    await rows.ask(1)
    assert await rows.jobs.finish(await rows.claimed(1), then="rest", now_ms=7)
    assert await rows.jobs.get(TrackId(1), "first") is None
    assert await rows.jobs.get(TrackId(1), "rest") == Job(TrackId(1), "rest", "asked", 7)


async def test_a_stage_that_follows_leaves_an_earlier_wish_for_it_alone(rows: Rows) -> None:
    await rows.ask(1, "queued", at_ms=1)
    await rows.ask(1, "asked", "rest", at_ms=2)
    job = await rows.claimed(1)
    await rows.ask(1, "now", "rest")
    assert await rows.jobs.finish(job, then="rest", now_ms=7)
    assert await rows.jobs.get(TrackId(1), "rest") == Job(TrackId(1), "rest", "now", 2)


async def test_what_failed_stays_with_its_reason_until_it_is_asked_for_again(rows: Rows) -> None:
    await rows.add(1, "available")
    await rows.ask(1)
    assert await rows.jobs.fail(await rows.claimed(1), "It is broken.", shown="failed")
    assert await rows.status(1) == ("failed", "It is broken.")
    failed = await rows.jobs.get(TrackId(1), "first")
    assert failed is not None
    assert (failed.state, failed.reason, failed.attempts) == ("failed", "It is broken.", 1)
    assert await rows.next(10**9) is None
    assert await rows.jobs.counts() == Counts(0, 0)
    assert await rows.ask(1, at_ms=5) == "new"
    assert await rows.jobs.get(TrackId(1), "first") == Job(TrackId(1), "first", "asked", 5)


async def test_what_is_given_back_waits_again_as_the_holder_says(rows: Rows) -> None:
    await rows.add(1, "encoding")
    await rows.ask(1, at_ms=5)
    job = await rows.claimed(1)
    await rows.tracks.change(TrackId(1), {"status": "encoding"})
    assert await rows.jobs.give_back(replace(job, urgency="now", attempts=0), "There is no room.")
    waiting = await rows.jobs.get(TrackId(1), "first")
    assert waiting == Job(TrackId(1), "first", "now", 5, attempts=0, reason="There is no room.")
    assert await rows.status(1) == ("queued", None)


async def test_what_is_given_back_stays_as_urgent_as_somebody_made_it_meanwhile(rows: Rows) -> None:
    await rows.ask(1)
    job = await rows.claimed(1)
    await rows.ask(1, "now")
    await rows.jobs.give_back(job)
    waiting = await rows.jobs.get(TrackId(1), "first")
    assert waiting is not None
    assert waiting.urgency == "now"


async def test_a_forgotten_track_has_no_jobs(rows: Rows) -> None:
    await rows.ask(1)
    await rows.ask(1, stage="ogg")
    await rows.ask(2)
    job = await rows.claimed(1)
    await rows.jobs.forget(TrackId(1))
    assert not await rows.jobs.finish(job, then="rest")
    assert await rows.jobs.counts() == Counts(1, 0)


async def test_what_a_dead_process_held_is_free_at_once_and_counts_as_begun(rows: Rows) -> None:
    for track in (1, 2, 3):
        await rows.ask(track)
    for track, holder in ((1, "here/old"), (2, "there/old"), (3, "here_too/old")):
        await rows.claimed(track, holder=holder)
    assert await rows.jobs.let_go("here") == 1
    assert await rows.jobs.let_go("h%re") == 0
    again = await rows.claimed(1, holder="here/new")
    assert again.attempts == 2
    assert await rows.next() is None


async def test_two_processes_never_claim_the_same_job(rows: Rows) -> None:
    for track in range(20):
        await rows.ask(track)

    async def work(jobs: EncodeJobs, holder: str) -> list[TrackId]:
        mine: list[TrackId] = []
        while (job := await jobs.next(NOW_MS)) is not None:
            if await jobs.claim(job, holder, now_ms=NOW_MS, until_ms=LATER_MS) is not None:
                mine.append(job.track_id)
        return mine

    both = await asyncio.gather(work(rows.jobs, "a/1"), work(rows.others, "b/1"))
    assert sorted([*both[0], *both[1]]) == list(range(20))


async def test_what_waits_or_runs_of_some_tracks_is_told_at_once(rows: Rows) -> None:
    await rows.ask(1, "now")
    await rows.ask(1, stage="ogg")
    running = await rows.claimed(1)
    await rows.ask(2, "queued")
    await rows.ask(3, "upload")
    await rows.ask(4, "now", at_ms=0)
    await rows.jobs.fail(await rows.claimed(4), "It has no audio.", shown="failed")
    asked = await rows.jobs.asked([TrackId(id) for id in (1, 2, 4, 5)])
    assert asked == {running.key: "now", (TrackId(1), "ogg"): "asked", (TrackId(2), "first"): "queued"}
    assert await rows.jobs.asked([]) == {}
