"""The encode cache after kills, with files that change, and with tracks that share their bytes."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audio_rig import Rig, audio
from cache_rig import FIRST_BYTES, TRACK_BYTES, Press, on_disk, script, tracks_of
from whatssound.audio import ladder
from whatssound.audio.encoder import EncodeJob, Report
from whatssound.audio.track import Track
from whatssound.ids import TrackId


async def encoded(rig: Rig, *tracks: Track) -> list[Track]:
    """These tracks, ready, with all their rungs."""
    for track in tracks:
        await rig.library.want(track.id)
    await rig.idle()
    return [await rig.library.get(track.id) for track in tracks]


def folder_of(rig: Rig, track: Track) -> Path:
    assert track.blob_key is not None
    return rig.data / "blobs" / track.blob_key


async def test_an_eviction_that_was_killed_is_finished_at_the_next_start(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        before, after, kept = await encoded(rig, *await tracks_of(rig, tmp_path, 3))
        for track in (before, after):
            assert track.blob_key is not None
            await rig.encoded.evicted([track.blob_key])  # the rows went first; then the server was killed
        await asyncio.to_thread(folder_of(rig, after).rename, rig.data / "blobs" / ".gone-1")
    async with audio(tmp_path / "data", Press()) as rig:
        assert not folder_of(rig, before).exists()
        assert on_disk(rig) == rig.cache.statistics().bytes == await rig.blobs.size(str(kept.blob_key))
        assert [track.status for track in await encoded(rig, before, after)] == ["ready", "ready"]


async def test_a_folder_that_somebody_emptied_is_noticed_at_the_next_start(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        await asyncio.to_thread(shutil.rmtree, folder_of(rig, track))
    async with audio(tmp_path / "data", Press()) as rig:
        assert (await rig.library.get(track.id)).status == "available"
        assert rig.cache.statistics().bytes == 0


async def test_blobs_and_covers_that_no_track_needs_are_swept_at_the_start(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        await rig.blobs.put("a" * 32 + "/128/0.m4s", b"nobody's")
        await rig.blobs.put("covers/nobody.png", b"nobody's")
        await rig.blobs.put("covers/mine.png", b"mine")
        await rig.store.change(track.id, {"cover_key": "mine.png"})
    async with audio(tmp_path / "data", Press()) as rig:
        assert sorted(await rig.blobs.children()) == sorted(["covers", str(track.blob_key)])
        assert await rig.blobs.children("covers") == ["mine.png"]


async def test_accounts_that_a_kill_left_too_high_are_measured(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        await rig.encoded.account(track.id, 10**9)
    async with audio(tmp_path / "data", Press()) as rig:
        await rig.cache.measured()
        assert rig.cache.statistics().bytes == on_disk(rig)


async def test_tracks_of_the_same_bytes_are_encoded_once_and_evicted_together(tmp_path: Path) -> None:
    encoder = Press()
    async with audio(tmp_path / "data", encoder, limit_bytes=2 * TRACK_BYTES) as rig:
        (one,) = await tracks_of(rig, tmp_path, 1)
        copy = tmp_path / "copy.mp3"
        await asyncio.to_thread(copy.hardlink_to, one.path)
        two = await rig.library.take(copy, "library")
        await encoded(rig, one)
        one, two = await encoded(rig, one, two)
        assert one.blob_key == two.blob_key
        assert (two.status, two.samples, two.loudness_lufs) == ("ready", 441_000, -14.5)
        assert await rig.library.peaks(two.id) == [1, 2]
        assert len(encoder.jobs) == 2  # first and rest, of one of them
        assert rig.cache.statistics().bytes == on_disk(rig)
        rig.clock[0] += 60_000
        rig.queued.add(two.id)
        (tmp_path / "more").mkdir()
        others = await tracks_of(rig, tmp_path / "more", 3)
        for other in others:
            await encoded(rig, other)
            rig.clock[0] += 60_000
        assert (await rig.library.get(one.id)).status == "ready"
        rig.queued.clear()
        await encoded(rig, others[0])
        await encoded(rig, others[1])
        assert [(await rig.library.get(id)).status for id in (one.id, two.id)] == ["available", "available"]


async def test_a_track_whose_bytes_another_one_shares_is_removed_alone(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        one, two = [await uploaded(rig, tmp_path, "same") for _ in range(2)]
        await rig.idle()
        await rig.library.remove(one)
        left = await rig.library.get(two)
        assert left.status == "ready"
        assert await rig.blobs.size(str(left.blob_key)) > 3 * FIRST_BYTES
        await rig.library.remove(two)
        assert on_disk(rig) == 0
        assert rig.cache.statistics().bytes == 0


async def uploaded(rig: Rig, folder: Path, name: str) -> TrackId:
    file = folder / "arriving"
    await asyncio.to_thread(file.write_text, name)
    return (await rig.library.upload(file, f"{name}.mp3")).id


class Replacing(Press):
    """Replaces the source while its job runs, as often as it is told."""

    def __init__(self, times: int, rungs: tuple[int, ...] = (ladder.FIRST,)) -> None:
        super().__init__()
        self._left = times
        self._rungs = rungs
        self._script = self.replacing  # pyright: ignore[reportPrivateUsage]

    def replacing(self, job: EncodeJob) -> list[Report | Exception]:
        if self._left and job.kbps == self._rungs:
            self._left -= 1
            scratch = job.source.with_suffix(".new")
            scratch.write_text(f"version {self._left}")
            scratch.replace(job.source)
        return script(job)


async def test_a_file_that_is_replaced_during_its_encode_is_encoded_anew(tmp_path: Path) -> None:
    encoder = Replacing(1)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        assert track.status == "ready"
        assert [job.kbps for job in encoder.jobs] == [(128,), (128,), (64, 256)]
        assert await rig.blobs.size(str(track.blob_key)) == on_disk(rig)


async def test_a_file_that_never_stands_still_is_left_for_later(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Replacing(100)) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        assert track.status == "available"
        assert track.reason is not None
        assert "changes while it is being read" in track.reason
        assert on_disk(rig) == 0


async def test_a_file_that_is_replaced_before_its_other_rungs_gets_none_of_the_wrong_music(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Replacing(1, ladder.REST)) as rig:
        (track,) = await encoded(rig, *await tracks_of(rig, tmp_path, 1))
        rungs = await asyncio.to_thread(lambda: [path.name for path in (rig.data / "blobs").glob("*/*")])
        assert rungs == ["128"]
        (again,) = await encoded(rig, track)
        assert again.status == "ready"
        assert await rig.renditions_missing(again) is None


async def test_removing_a_track_ends_its_encode_and_leaves_nothing(tmp_path: Path) -> None:
    encoder = HalfWay()
    async with audio(tmp_path / "data", encoder) as rig:
        told: list[tuple[str, str | None]] = []
        track_id = await uploaded(rig, tmp_path, "song")
        await rig.until(track_id, lambda track: track.progress > 0)
        rig.library.on_changed(lambda track: told.append((track.status, track.reason)))
        await rig.library.remove(track_id)
        assert encoder.running == 0
        assert told[-1] == ("failed", "This track was removed.")
        assert await asyncio.to_thread(lambda: list((rig.data / "uploads").iterdir())) == []
        assert on_disk(rig) == 0
        assert await rig.library.several([track_id]) == {}
        assert (await rig.library.page("song")).tracks == []
        assert rig.ingest.statistics().running == 0
        assert await rig.jobs.counts() == (0, 0)


class HalfWay(Press):
    """Stops in the middle of each job."""

    def gate(self, job_name: str) -> asyncio.Semaphore:
        return self.gates.setdefault(job_name, asyncio.Semaphore(4))


def stuck(work: Callable[..., Awaitable[Any]], reached: asyncio.Event) -> Callable[..., Awaitable[Any]]:
    """The same work, which never begins; `reached` is set when somebody waits for it."""

    async def wait(*arguments: object) -> None:
        reached.set()
        await asyncio.Event().wait()
        await work(*arguments)

    return wait


@pytest.mark.parametrize("part", ["admitted", "measured"])
async def test_an_upload_that_is_removed_while_its_encode_is_counted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async with audio(tmp_path / "data", Press()) as rig:
        reached = asyncio.Event()
        if part == "admitted":
            monkeypatch.setattr(rig.encoded, "account", stuck(rig.encoded.account, reached))
        else:
            monkeypatch.setattr(rig.blobs, "size", stuck(rig.blobs.size, reached))
        file = tmp_path / "mine.mp3"
        await asyncio.to_thread(file.write_text, "mine")
        track = await rig.library.upload(file, "mine.mp3")
        await reached.wait()
        monkeypatch.undo()
        await rig.library.remove(track.id)
        assert on_disk(rig) == 0
        assert rig.cache.statistics().bytes == 0
