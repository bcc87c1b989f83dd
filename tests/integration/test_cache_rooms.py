"""A cache smaller than the music that rooms play: what is in a queue stays, and the disk stays within the limit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audio_rig import Rig, audio
from cache_rig import FIRST_BYTES, TRACK_BYTES, Press, Stage, on_disk, staged, tracks_of
from whatssound.audio import pool
from whatssound.ids import RoomId, TrackId

LIMIT_BYTES = 5 * TRACK_BYTES

_NO_MORE = (None, None, None)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LOOK_AGAIN_S", 0.15)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with (
        audio(tmp_path / "data", Press(), limit_bytes=LIMIT_BYTES, knows_queues=False) as rig,
        staged(rig) as stage,
    ):
        yield stage


async def checked(stage: Stage, before: set[TrackId]) -> None:
    """Nothing that was in a queue before and still is has gone, and the disk holds one track too much at most."""
    after = await stage.service.queued_tracks()
    assert not stage.gone() & before & after
    assert on_disk(stage.rig) <= LIMIT_BYTES + TRACK_BYTES


async def step(stage: Stage, *rooms: RoomId) -> list[TrackId | None]:
    """Ten seconds of music in every room, listened to and checked."""
    before = await stage.service.queued_tracks()
    heard = [await stage.heard(room) for room in rooms]
    for room in rooms:
        await asyncio.wait_for(stage.next_ready(room), 30)
    await checked(stage, before)
    before = await stage.service.queued_tracks()
    await stage.pass_time(10)
    await checked(stage, before)
    return heard


async def test_a_hundred_tracks_in_turn_stay_within_the_limit(stage: Stage, tmp_path: Path) -> None:
    tracks = await tracks_of(stage.rig, tmp_path, 100)
    room = await stage.open("Long night")
    heard: list[TrackId | None] = []
    for n, track in enumerate(tracks):
        await stage.add(room, track)
        if n == 3:
            await stage.play(room)
        if n >= 3:
            heard += await step(stage, room)
    while len(heard) < 100:
        heard += await step(stage, room)
    assert heard == [track.id for track in tracks]
    await until_still(stage.rig)
    statistics = stage.rig.cache.statistics()
    assert statistics.evicted > 80
    assert statistics.bytes == on_disk(stage.rig)


async def test_what_was_evicted_is_encoded_again_and_plays(stage: Stage, tmp_path: Path) -> None:
    tracks = await tracks_of(stage.rig, tmp_path, 12)
    room = await stage.open("Twice")
    for n, track in enumerate(tracks):
        await stage.add(room, track)
        if n == 0:
            await stage.play(room)
        await step(stage, room)
    await until_still(stage.rig)
    first = await stage.rig.library.get(tracks[0].id)
    assert (first.status, first.samples, first.loudness_lufs) == ("available", 441_000, -14.5)
    assert await stage.rig.library.peaks(first.id) == [1, 2]
    again = await stage.open("Again")
    await stage.add(again, first)
    await stage.play(again)
    assert await stage.heard(again) == first.id
    assert (await stage.rig.settled(first.id)).blob_key == first.blob_key


async def test_a_queue_that_is_larger_than_the_cache_plays_to_its_end(stage: Stage, tmp_path: Path) -> None:
    tracks = await tracks_of(stage.rig, tmp_path, 24)
    assert 24 * FIRST_BYTES > 1.5 * LIMIT_BYTES
    room = await stage.open("All at once")
    await stage.add(room, *tracks)
    waiting = await stage.rig.until(tracks[-1].id, lambda track: track.reason is not None)
    assert waiting.status == "queued"
    assert "--cache-size" in (waiting.reason or "")
    await stage.play(room)
    heard: list[TrackId | None] = []
    for _ in tracks:
        heard += await step(stage, room)
    assert heard == [track.id for track in tracks]


async def test_two_rooms_share_the_cache(stage: Stage, tmp_path: Path) -> None:
    tracks = await tracks_of(stage.rig, tmp_path, 24)
    rooms = (await stage.open("One"), await stage.open("Two"))
    heard: list[list[TrackId | None]] = []
    for number, room in enumerate(rooms):
        await stage.add(room, *tracks[number:6:2])
        await stage.play(room)
    for one, two in zip([*tracks[6::2], *_NO_MORE], [*tracks[7::2], *_NO_MORE], strict=True):
        for room, track in zip(rooms, (one, two), strict=True):
            if track is not None:
                await stage.add(room, track)
        heard.append(await step(stage, *rooms))
    assert [track.id for track in tracks] == [track_id for pair in heard for track_id in pair]


async def test_accounts_survive_a_restart_in_the_middle(tmp_path: Path) -> None:
    heard: list[TrackId | None] = []
    async with audio(tmp_path / "data", Press(), limit_bytes=LIMIT_BYTES, knows_queues=False) as rig:
        tracks = await tracks_of(rig, tmp_path, 18)
        async with staged(rig) as stage:
            room = await stage.open("Night")
            await stage.add(room, *tracks)
            await stage.play(room)
            for _ in range(8):
                heard += await step(stage, room)
        now_ms = rig.clock[0]
    async with audio(tmp_path / "data", Press(), limit_bytes=LIMIT_BYTES, now_ms=now_ms, knows_queues=False) as rig:
        assert rig.cache.statistics().bytes <= LIMIT_BYTES + TRACK_BYTES
        async with staged(rig, start=2) as stage:
            for _ in range(10):
                heard += await step(stage, room)
    assert heard == [track.id for track in tracks]


async def test_until_queues_are_known_everything_counts_as_queued(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", Press(), limit_bytes=LIMIT_BYTES, knows_queues=False) as rig:
        for track in await tracks_of(rig, tmp_path, 19):
            await rig.library.want(track.id)
        while not rig.ingest.statistics().held:
            await rig.ingest.next_step().wait()
        assert rig.cache.statistics().evicted == 0
        assert on_disk(rig) <= LIMIT_BYTES


async def test_a_track_on_its_way_into_a_queue_is_no_victim(stage: Stage, tmp_path: Path) -> None:
    rig = stage.rig
    old, *others = await tracks_of(rig, tmp_path, 19)
    await rig.library.want(old.id)
    await rig.idle()
    rig.clock[0] += 60_000
    await rig.library.keep([old.id])
    for track in others:
        await rig.library.want(track.id)
    await until_still(rig)
    assert (await rig.library.get(old.id)).status == "ready"


async def until_still(rig: Rig) -> None:
    """Nothing runs, and what waits is held for want of room."""
    while True:
        step = rig.ingest.next_step()
        jobs = await rig.jobs.counts()
        now = rig.ingest.statistics()
        if now.running == jobs.running == 0 and (now.held or jobs.waiting == 0):
            return
        await asyncio.wait_for(step.wait(), 10)
