"""Pools of encoders over one database: each job is one pool's as long as it holds it, and never lost with it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audio_rig import NOW_MS, Rig, StagedEncoder, audio
from integration.test_audio_ingest import script, taken
from whatssound.audio import pool
from whatssound.audio.failures import STOPPED
from whatssound.ids import TrackId


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "POLL_S", 0.01)


@pytest.fixture
def encoders() -> tuple[StagedEncoder, StagedEncoder]:
    return StagedEncoder(script), StagedEncoder(script)


@pytest.fixture
async def hosts(tmp_path: Path, encoders: tuple[StagedEncoder, StagedEncoder]) -> AsyncIterator[tuple[Rig, Rig]]:
    """Two hosts' pools, which share database, blobs and clock."""
    data = tmp_path / "data"
    async with audio(data, encoders[0]) as here, audio(data, encoders[1], pool="there", clock=here.clock) as there:
        yield here, there


async def looked(rig: Rig) -> None:
    """A poll of the pool has passed: it found nothing to begin."""
    await rig.ingest.next_step().wait()
    await rig.ingest.next_step().wait()


def digests(rig: Rig) -> dict[str, bytes]:
    blobs = rig.data / "blobs"
    return {
        str(file.relative_to(blobs)): hashlib.sha256(file.read_bytes()).digest()
        for file in blobs.rglob("*")
        if file.is_file()
    }


async def test_two_pools_share_the_work_and_do_nothing_twice_however_long_it_takes(
    tmp_path: Path, hosts: tuple[Rig, Rig], encoders: tuple[StagedEncoder, StagedEncoder]
) -> None:
    here, there = hosts
    names = [f"t{n}" for n in range(12)]
    tracks = await taken(here, tmp_path, *names)
    for track in tracks:
        await here.library.want(track.id, "now")
    for encoder in encoders:
        await encoder.asked(6)
    for _ in range(6):
        here.clock[0] += pool.RENEW_MS
        await asyncio.gather(looked(here), looked(there))
    for encoder in encoders:
        for name in names:
            encoder.open(name)
    await here.idle()
    await there.idle()
    begun = [(job.source.stem, job.kbps) for encoder in encoders for job in encoder.jobs]
    assert len(begun) == len(set(begun)) == 2 * len(tracks)
    assert [(await there.library.get(track.id)).status for track in tracks] == ["ready"] * len(tracks)


async def test_when_a_lease_was_lost_both_pools_finish_without_harm(
    tmp_path: Path, encoders: tuple[StagedEncoder, StagedEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "RENEW_MS", 10**12)
    slow, quick = encoders
    data = tmp_path / "data"
    async with audio(data, slow) as here:
        (track,) = await taken(here, tmp_path, "a")
        await here.library.want(track.id, "now")
        await slow.asked(1)
        async with audio(data, quick, pool="there", clock=here.clock) as there:
            await looked(here)
            here.clock[0] += pool.LIFE_MS
            quick.open("a")
            await there.settled(track.id)
            await there.idle()
            whole = await asyncio.to_thread(digests, there)
            slow.open("a")
            await here.idle()
            assert [job.kbps for job in slow.jobs] == [(128,)]
            assert [job.kbps for job in quick.jobs] == [(128,), (64, 256)]
            assert await asyncio.to_thread(digests, here) == whole
            ready = await here.library.get(track.id)
            assert (ready.status, await here.renditions_missing(ready)) == ("ready", None)
            assert [rig.ingest.statistics().overtaken for rig in (here, there)] == [1, 0]
            assert [rig.ingest.statistics().failed for rig in (here, there)] == [0, 0]


async def test_a_pool_that_is_stopped_gives_back_what_it_was_at(
    tmp_path: Path, encoders: tuple[StagedEncoder, StagedEncoder]
) -> None:
    async with audio(tmp_path / "data", encoders[0]) as here:
        (track,) = await taken(here, tmp_path, "a")
        await here.library.want(track.id, "now")
        await encoders[0].asked(1)
    async with audio(tmp_path / "data", pool="there", start=False) as there:
        job = await there.jobs.get(track.id, "first")
        assert job is not None
        assert (job.state, job.urgency, job.attempts) == ("waiting", "now", 0)
        assert (await there.library.get(track.id)).status == "queued"


async def dead(tmp_path: Path, times: int, holder: str) -> TrackId:
    """A track whose encode was begun so many times by processes that were killed, the last of them just now."""
    async with audio(tmp_path / "data", start=False) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await rig.jobs.ask(track.id, "first", "now", now_ms=0, limit=1)
        now_ms = int(NOW_MS) - times * pool.LIFE_MS
        for _ in range(times):
            job = await rig.jobs.next(now_ms := now_ms + pool.LIFE_MS)
            assert job is not None
            assert await rig.jobs.claim(job, holder, now_ms=now_ms, until_ms=now_ms + pool.LIFE_MS) is not None
        return track.id


async def test_a_restarted_pool_takes_up_at_once_what_it_was_killed_at(tmp_path: Path) -> None:
    track_id = await dead(tmp_path, pool.TRIES - 1, "owner/killed")
    encoder = StagedEncoder(script)
    encoder.open("a")
    async with audio(tmp_path / "data", encoder) as rig:
        assert (await rig.settled(track_id)).status == "ready"


async def test_another_pool_waits_for_the_lease_of_one_that_was_killed_to_end(tmp_path: Path) -> None:
    track_id = await dead(tmp_path, 1, "elsewhere/killed")
    encoder = StagedEncoder(script)
    encoder.open("a")
    async with audio(tmp_path / "data", encoder) as rig:
        await looked(rig)
        assert encoder.jobs == []
        rig.clock[0] += pool.LIFE_MS
        assert (await rig.settled(track_id)).status == "ready"


async def test_what_no_pool_survives_is_left_alone_until_somebody_wants_it(tmp_path: Path) -> None:
    track_id = await dead(tmp_path, pool.TRIES, "owner/killed")
    encoder = StagedEncoder(script)
    encoder.open("a")
    async with audio(tmp_path / "data", encoder) as rig:
        left = await rig.until(track_id, lambda track: track.status == "available")
        assert left.reason == STOPPED
        await rig.idle()
        assert encoder.jobs == []
        await rig.library.want(track_id, "now")
        assert (await rig.settled(track_id)).status == "ready"
