"""The encode queue, with an encoder that goes on only when it is told to."""

import asyncio
import errno
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from audio_rig import Rig, StagedEncoder, audio
from whatssound.adapters.sql.database import Database
from whatssound.audio import ingest as ingest_module
from whatssound.audio import pool as pool_module
from whatssound.audio.encoder import Analysed, Counted, EncodeFailed, EncodeJob, RenditionDone, Report, Stored
from whatssound.audio.library import Wish
from whatssound.audio.overview import IngestStatistics
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal

RATE_HZ = 44_100
SAMPLES = 10 * RATE_HZ


def script(job: EncodeJob) -> list[Report | Exception]:
    """What a job without trouble reports: three segments a rung."""
    reports: list[Report | Exception] = [Counted(SAMPLES, RATE_HZ)]
    for kbps in job.kbps:
        for n, name in enumerate(("init.mp4", "0.m4s", "1.m4s", "2.m4s")):
            reports.append(Stored(kbps, {name: job.work / f"{kbps}-{name}"}, n / 3))
        reports.append(RenditionDone(kbps, 3, kbps * 1100, kbps * 1000))
    if job.analyse:
        reports.append(Analysed(SAMPLES - 5, RATE_HZ, -14.5, -1.0, b"\x01\x02"))
    return reports


def failing(error: Exception, after: int) -> Callable[[EncodeJob], list[Report | Exception]]:
    return lambda job: [*script(job)[:after], error]


async def taken(rig: Rig, folder: Path, *names: str) -> list[Track]:
    """New tracks, whose files hold their own names."""
    tracks: list[Track] = []
    for name in names:
        file = folder / f"{name}.mp3"
        await asyncio.to_thread(file.write_text, name)
        tracks.append(await rig.library.take(file, "library"))
    return tracks


async def test_a_wanted_track_becomes_ready_and_then_gets_its_other_rungs(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id, "now")
        ready = await rig.settled(track.id)
        assert (ready.status, ready.samples, ready.loudness_lufs, ready.progress) == ("ready", SAMPLES - 5, -14.5, 1.0)
        await rig.idle()
        assert [job.kbps for job in encoder.jobs] == [(128,), (64, 256)]
        assert [job.analyse for job in encoder.jobs] == [True, False]
        assert encoder.jobs[1].samples == SAMPLES - 5
        assert rig.ingest.statistics() == IngestStatistics(0, 0, 2, 0, 0, 12)


async def test_the_length_is_known_before_anything_is_encoded(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await rig.library.want(track.id, "now")
        encoder.gate("a").release()
        counted = await rig.until(track.id, lambda track: track.samples is not None)
        assert (counted.status, counted.duration_ms, counted.progress) == ("encoding", 10_000, 0.0)
        assert counted.blob_key is not None


async def test_those_who_watch_see_every_step(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    seen: list[tuple[str, float, int]] = []
    async with audio(tmp_path / "data", encoder) as rig:
        rig.library.on_changed(lambda track: seen.append((track.status, round(track.progress, 2), track.duration_ms)))
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id)
        await rig.settled(track.id)
    assert seen[:3] == [("queued", 0.0, 0), ("encoding", 0.0, 0), ("encoding", 0.0, 10_000)]
    assert [progress for _, progress, _ in seen[3:7]] == [0.0, 0.33, 0.67, 1.0]
    assert seen[-1] == ("ready", 1.0, 10_000)


async def test_a_track_that_is_wanted_twice_is_encoded_once(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await asyncio.gather(*(rig.library.want(track.id, "queued") for _ in range(5)))
        encoder.open("a")
        await rig.settled(track.id)
        await rig.idle()
        await rig.library.want(track.id, "now")
        assert len(encoder.jobs) == 2
        assert await rig.jobs.counts() == (0, 0)


async def test_what_plays_now_starts_while_an_album_is_being_encoded(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        album = await taken(rig, tmp_path, "a1", "a2", "a3", "a4")
        for track in album:
            await rig.library.want(track.id, "upload")
        (wanted,) = await taken(rig, tmp_path, "wanted")
        await rig.library.want(wanted.id, "now")
        assert await encoder.asked(3) == ["a1/128", "a2/128", "wanted/128"]


async def test_a_waiting_track_moves_up_when_it_is_wanted_sooner(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        tracks = await taken(rig, tmp_path, "a", "b", "c", "d")
        for track in tracks:
            await rig.library.want(track.id, "upload")
        await rig.library.want(tracks[3].id, "now")
        assert await encoder.asked(3) == ["a/128", "b/128", "d/128"]


async def test_only_wishes_that_change_something_are_unmet(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        done, running, waiting, new = await taken(rig, tmp_path, "done", "running", "waiting", "new")
        encoder.open("done")
        await rig.library.want(done.id)
        await rig.idle()
        await rig.library.want(running.id, "now")
        await encoder.asked(3)
        await rig.library.want(waiting.id, "upload")
        wishes: list[Wish] = [(track.id, "queued") for track in (new, waiting, running, done)]
        assert await rig.library.unmet([*wishes, (TrackId(1), "now")]) == [(new.id, "queued"), (waiting.id, "queued")]
        for wish in wishes:
            await rig.library.want(*wish)
        assert await rig.library.unmet(wishes) == []
        assert await rig.library.unmet([(waiting.id, "now")]) == [(waiting.id, "now")]


async def test_never_more_than_six_run(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        tracks = await taken(rig, tmp_path, *"abcdefgh")
        for track in tracks:
            await rig.library.want(track.id, "now")
        await encoder.asked(6)
        for track in tracks:
            encoder.open(Path(track.path).stem)
        await rig.idle()
        assert encoder.most_running == 6
        assert len(encoder.jobs) == 16


async def test_a_track_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    def half_bad(job: EncodeJob) -> list[Report | Exception]:
        return [EncodeFailed("It is broken.")] if job.source.stem == "bad" else script(job)

    encoder = StagedEncoder(half_bad)
    async with audio(tmp_path / "data", encoder) as rig:
        bad, good = await taken(rig, tmp_path, "bad", "good")
        encoder.open("bad")
        encoder.open("good")
        await rig.library.want(bad.id)
        await rig.library.want(good.id)
        assert ((failed := await rig.settled(bad.id)).status, failed.reason) == ("failed", "It is broken.")
        assert (await rig.settled(good.id)).status == "ready"
        assert rig.ingest.statistics().failed == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(5, "Input/output error"), "The server could not read or write this file."),
        (KeyError("a bug"), "The server made a mistake (KeyError)."),
    ],
)
async def test_whatever_happens_the_queue_goes_on(tmp_path: Path, error: Exception, reason: str) -> None:
    encoder = StagedEncoder(lambda job: failing(error, 2)(job) if job.source.stem == "a" else script(job))
    async with audio(tmp_path / "data", encoder) as rig:
        first, second = await taken(rig, tmp_path, "a", "b")
        encoder.open("a")
        encoder.open("b")
        await rig.library.want(first.id)
        assert (await rig.settled(first.id)).reason == reason
        await rig.library.want(second.id)
        assert (await rig.settled(second.id)).status == "ready"


async def test_a_full_disk_is_not_the_tracks_fault_and_it_is_encoded_once_there_is_room(tmp_path: Path) -> None:
    errors: list[Exception] = [OSError(errno.ENOSPC, "No space left on device")]
    encoder = StagedEncoder(lambda job: failing(errors.pop(), 2)(job) if errors else script(job))
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id)
        await rig.idle()
        assert ((now := await rig.library.get(track.id)).status, now.reason) == (
            "available",
            "The server's disk is full.",
        )
        await rig.library.want(track.id, "now")
        assert ((now := await rig.settled(track.id)).status, now.reason) == ("ready", None)


async def test_a_database_on_a_full_disk_does_not_stop_the_pool_and_what_it_could_not_keep_is_done_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "POLL_S", 0.01)
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        first, second = await taken(rig, tmp_path, "a", "b")
        await rig.library.want(first.id, "now")
        await encoder.asked(1)
        with monkeypatch.context() as disk:
            disk.setattr(Database, "write", _full)
            with pytest.raises(OSError, match="No space left"):
                await rig.library.want(second.id)
            encoder.open("a")
            while rig.ingest.statistics().running:
                await rig.ingest.next_step().wait()
        encoder.open("b")
        await rig.library.want(second.id)
        assert (await rig.settled(second.id)).status == "ready"
        rig.clock[0] += pool_module.LIFE_MS
        assert (await rig.settled(first.id)).status == "ready"


@asynccontextmanager
async def _full(_: Database) -> AsyncGenerator[None]:
    raise OSError(errno.ENOSPC, "No space left on device")
    yield


async def test_a_failure_of_the_other_rungs_leaves_the_track_ready(tmp_path: Path) -> None:
    encoder = StagedEncoder(lambda job: script(job) if job.analyse else failing(EncodeFailed("No."), 1)(job))
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id)
        await rig.idle()
        assert ((now := await rig.library.get(track.id)).status, now.reason) == ("ready", None)


async def test_what_a_stop_interrupts_starts_over_at_the_next_start(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        running, waiting, third = await taken(rig, tmp_path, "running", "waiting", "third")
        for track in (running, waiting, third):
            await rig.library.want(track.id, "upload")
        encoder.gate("running").release()
        await rig.until(running.id, lambda track: track.samples is not None)
        await encoder.asked(2)
    assert sorted(encoder.ended) == ["running", "waiting"]
    again = StagedEncoder(script)
    for name in ("running", "waiting", "third"):
        again.open(name)
    async with audio(tmp_path / "data", again) as rig:
        for track in (running, waiting, third):
            assert (await rig.settled(track.id)).status == "ready"


async def test_no_scratch_is_left(tmp_path: Path) -> None:
    work = tmp_path / "data" / "work"
    await asyncio.to_thread(work.mkdir, parents=True)
    await asyncio.to_thread((work / "left by a crash").write_bytes, b"x")
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id)
        await rig.idle()
        assert await asyncio.to_thread(lambda: list(work.iterdir())) == []


async def test_a_full_queue_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "MAX_WAITING", 1)
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        tracks = await taken(rig, tmp_path, "a", "b", "c", "d")
        for number, track in enumerate(tracks[:2], start=1):
            await rig.library.want(track.id, "upload")
            await encoder.asked(number)
        await rig.library.want(tracks[2].id, "upload")
        with pytest.raises(Refusal) as refused:
            await rig.library.want(tracks[3].id, "upload")
        assert (refused.value.code, refused.value.retry_after_ms) == ("overloaded", 30_000)
        assert (await rig.library.get(tracks[3].id)).status == "available"
        assert rig.ingest.statistics().refused == 1
        await rig.library.want(tracks[2].id, "upload")
