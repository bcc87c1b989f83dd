"""Child processes: limits that hold, deaths that hurt one track only, starts that cost a listener nothing."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import pytest

from audio_rig import Rig, audio
from music import make_wav
from several import alive, children, until
from whatssound.adapters.media.encoder import Child, ChildEncoder, composed
from whatssound.audio.demo import PIECES, Demo
from whatssound.audio.encoder import EncodeFailed, EncodeJob, Report, Stored
from whatssound.config import EncoderLimits


@pytest.fixture
async def encoder() -> AsyncIterator[ChildEncoder]:
    encoder = ChildEncoder(EncoderLimits(nice=0))
    await encoder.start()
    yield encoder
    await encoder.stop()


def job(source: Path, work: Path, *, kbps: tuple[int, ...] = (128,)) -> EncodeJob:
    work.mkdir(exist_ok=True)
    return EncodeJob(source, kbps, work, analyse=True)


async def reports_of(encoder: ChildEncoder, job: EncodeJob) -> list[Report]:
    async with contextlib.aclosing(encoder.encode(job)) as reports:
        return [report async for report in reports]


async def rest_of(reports: AsyncIterator[Report]) -> list[Report]:
    return [report async for report in reports]


def encoders() -> set[int]:
    """The children that wait or work."""
    return {pid for pid in children(os.getpid()) if b"whatssound.adapters.media" in _arguments(pid)}


def working() -> set[int]:
    """The children that have a track."""
    return {pid for pid in encoders() if any(children(pid))}


def forks() -> set[int]:
    """Those that a track's file is opened by."""
    return {fork for pid in encoders() for fork in children(pid)}


def _arguments(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


@pytest.mark.parametrize("killed", [working, forks])
async def test_a_child_that_is_killed_fails_that_track_only(
    killed: Callable[[], set[int]], encoder: ChildEncoder, tmp_path: Path
) -> None:
    wav = make_wav(tmp_path / "long.wav", seconds=120)
    reports = encoder.encode(job(wav, tmp_path / "w1"))
    await anext(reports)
    other = asyncio.create_task(reports_of(encoder, job(make_wav(tmp_path / "b.wav", seconds=1), tmp_path / "w2")))
    left = forks()
    for pid in killed():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EncodeFailed) as failed:
        await rest_of(reports)
    assert failed.value.reason == "The decoder crashed on this file."
    assert await other
    until_gone(left)


def until_gone(pids: Iterable[int]) -> None:
    until(lambda: not any(alive(pid) for pid in pids), "a process stayed")


async def test_closing_the_reports_ends_the_child(encoder: ChildEncoder, tmp_path: Path) -> None:
    wav = make_wav(tmp_path / "long.wav", seconds=300)
    reports = encoder.encode(job(wav, tmp_path / "w"))
    await anext(reports)
    [working] = forks()
    before = encoders()
    await reports.aclose()
    assert not alive(working)
    assert len(before - encoders()) == 1


async def test_a_track_is_given_up_with_all_that_was_of_it_when_another_begins(
    encoder: ChildEncoder, tmp_path: Path
) -> None:
    first, second = (make_wav(tmp_path / f"{name}.wav", seconds=1) for name in "ab")
    await reports_of(encoder, job(first, tmp_path / "w1"))
    of_the_first = forks()
    await reports_of(encoder, job(first, tmp_path / "w2", kbps=(64,)))
    assert forks() == of_the_first
    await reports_of(encoder, job(second, tmp_path / "w3"))
    until_gone(of_the_first)
    assert len(forks()) == 1


async def test_nothing_is_started_for_one_track_after_another(encoder: ChildEncoder, tmp_path: Path) -> None:
    names = "abcde"
    for name in names[:2]:
        await reports_of(encoder, job(make_wav(tmp_path / f"{name}.wav", seconds=1), tmp_path / name))
    there = encoders()
    for name in names[2:]:
        await reports_of(encoder, job(make_wav(tmp_path / f"{name}.wav", seconds=1), tmp_path / name))
    assert encoders() == there


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (EncoderLimits(nice=0, cpu_s=1), "This file takes longer to decode than one track may."),
        (EncoderLimits(nice=0, file_bytes=10_000), "The encoded music would be larger than one track may be."),
    ],
)
async def test_a_limit_that_is_reached_is_named(tmp_path: Path, limits: EncoderLimits, reason: str) -> None:
    encoder = ChildEncoder(limits)
    await encoder.start()
    try:
        with pytest.raises(EncodeFailed) as failed:
            await reports_of(encoder, job(make_wav(tmp_path / "long.wav", seconds=240), tmp_path / "w", kbps=(64, 256)))
    finally:
        await encoder.stop()
    assert failed.value.reason == reason


async def test_too_little_memory_fails_the_track_and_not_the_server(tmp_path: Path) -> None:
    encoder = ChildEncoder(EncoderLimits(nice=0, memory_bytes=64 * 1024**2))
    with pytest.raises(EncodeFailed):
        await reports_of(encoder, job(make_wav(tmp_path / "a.wav", seconds=1), tmp_path / "w"))
    await encoder.stop()


async def test_a_stopped_encoder_leaves_no_process(tmp_path: Path) -> None:
    encoder = ChildEncoder(EncoderLimits(nice=0))
    await encoder.start()
    await reports_of(encoder, job(make_wav(tmp_path / "a.wav", seconds=1), tmp_path / "w"))
    left = forks()
    await encoder.stop()
    assert encoders() == set()
    until_gone(left)


async def test_an_encode_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    encoder = ChildEncoder(EncoderLimits(nice=0))
    reports = encoder.encode(job(make_wav(tmp_path / "long.wav", seconds=120), tmp_path / "w"))
    await anext(reports)
    left = encoders() | forks()
    encoding = asyncio.create_task(rest_of(reports))
    await asyncio.sleep(0)
    encoding.cancel()
    await asyncio.gather(encoding, return_exceptions=True)
    assert not any(alive(pid) for pid in left)
    await encoder.stop()
    assert encoders() == set()


async def test_a_child_that_died_before_its_job_fails_the_track_and_not_the_server() -> None:
    child = await Child.start("encode", EncoderLimits(nice=0))
    process = child._process  # pyright: ignore[reportPrivateUsage]
    process.kill()
    await process.wait()
    with pytest.raises(EncodeFailed):
        async for _ in child.run({}):
            pass
    await child.end()


async def test_a_child_whose_parent_dies_ends_by_itself(tmp_path: Path) -> None:
    child = await Child.start("encode", EncoderLimits(nice=0))
    process = child._process  # pyright: ignore[reportPrivateUsage]
    assert process.stdin is not None
    wanted = {**asdict(job(make_wav(tmp_path / "a.wav", seconds=1), tmp_path / "w")), "source": str(tmp_path / "a.wav")}
    async for _ in child.run({**wanted, "work": str(tmp_path / "w")}):
        pass
    [kept] = children(process.pid)
    process.stdin.close()
    assert await process.wait() == 0
    assert not alive(kept)


async def test_segments_arrive_while_the_track_is_being_encoded(encoder: ChildEncoder, tmp_path: Path) -> None:
    wav = make_wav(tmp_path / "long.wav", seconds=60)
    done: list[float] = []
    async with contextlib.aclosing(encoder.encode(job(wav, tmp_path / "w"))) as reports:
        async for report in reports:
            if isinstance(report, Stored):
                assert all(file.stat().st_size > 0 for file in report.files.values())
                done.append(report.done)
    assert done == sorted(done)
    assert done[1] < 0.15
    assert done[-1] == 1.0


def test_the_child_imports_no_server() -> None:
    code = "import sys, whatssound.adapters.media.child as c; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "litestar", "sqlalchemy", "uvicorn", "structlog", "soundfile", "msgspec"} & set(loaded)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data") as rig:
        yield rig


@pytest.mark.slow
async def test_the_demo_is_three_short_pieces_at_a_sensible_level(rig: Rig, tmp_path: Path) -> None:
    async def compose(name: str, folder: Path) -> Path:
        return await composed(name, folder, EncoderLimits(nice=0))

    demo = Demo(rig.library, compose, tmp_path / "data" / "demo")
    tracks = [track async for track in demo.pieces()]
    assert [Path(track.path).stem for track in tracks] == list(PIECES)
    assert len({track.cover_key for track in tracks}) == 3
    for track in tracks:
        await rig.library.want(track.id, "now")
        ready = await rig.settled(track.id)
        assert ready.status == "ready"
        assert 45_000 < ready.duration_ms <= 60_000
        assert ready.loudness_lufs == pytest.approx(-15, abs=1)
        assert ready.true_peak_db is not None
        assert ready.true_peak_db < -1
        assert (ready.artist, ready.album) == ("The House Band", "First Night")
        peaks = await rig.library.peaks(ready.id)
        assert peaks is not None
        assert peaks[-1] < 16


async def test_the_demo_is_composed_once(rig: Rig, tmp_path: Path) -> None:
    made: list[str] = []

    async def compose(name: str, folder: Path) -> Path:
        made.append(name)
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        return await asyncio.to_thread(make_wav, folder / f"{name}.flac", seconds=0.1)

    demo = Demo(rig.library, compose, tmp_path / "data" / "demo")
    first = [track.id async for track in demo.pieces()]
    assert [track.id async for track in demo.pieces()] == first
    assert made == list(PIECES)
