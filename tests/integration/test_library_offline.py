"""Shares that are not mounted, folders that are closed, files that vanish: marked, never deleted, and back again."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import script
from library_folder import Music, move
from whatssound.adapters.media.thread_reader import ThreadReader
from whatssound.audio.folder import Listed, Unreadable
from whatssound.audio.rescans import Rescans
from whatssound.audio.tags import Asked, Tags
from whatssound.wire.errors import Refusal


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        yield rig


@pytest.fixture
def share(tmp_path: Path, music: Music) -> Path:
    share = tmp_path / "share"
    for n, album in enumerate(("One", "Two", "Three")):
        music.file(share / album / "01.ogg", pitch_hz=200.0 + n, title=album, artist="Ana", album=album)
    return share


async def offline(rig: Rig) -> dict[str, bool]:
    return {track.title: track.offline for track in (await rig.library.page(limit=100)).tracks}


ALL_THERE = {"One": False, "Two": False, "Three": False}
ALL_OFFLINE = dict.fromkeys(ALL_THERE, True)


@contextmanager
def unmounted(share: Path, what_is_left: str) -> Iterator[None]:
    away = move(share, share.with_name("away"))
    match what_is_left:
        case "an empty folder":
            share.mkdir()
        case "a file":
            share.touch()
        case _:
            pass
    yield
    if share.is_dir():
        share.rmdir()
    share.unlink(missing_ok=True)
    move(away, share)


@pytest.mark.parametrize("what_is_left", ["nothing", "an empty folder", "a file"])
async def test_a_share_that_is_not_mounted_marks_its_tracks_and_its_return_lifts_the_marks(
    rig: Rig, share: Path, what_is_left: str
) -> None:
    await rig.scan(share)
    before = (await rig.library.page()).tracks
    with unmounted(share, what_is_left):
        [end] = await rig.scan(share)
        assert (end.state, end.offline) == ("failed", 3)
        assert "mounted?" in (end.reason or "")
        assert await offline(rig) == ALL_OFFLINE
        assert await rig.library.counts() == (3, 3)
    [end] = await rig.scan(share)
    assert (end.state, end.offline, end.added, end.changed, end.moved) == ("done", 0, 0, 0, 0)
    assert (await rig.library.page()).tracks == before


async def test_an_empty_folder_of_a_new_library_is_no_failure(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    [end] = await rig.scan(tmp_path / "new")
    assert (end.state, end.seen, end.reason) == ("done", 0, None)


async def test_vanished_files_are_marked_and_the_others_are_not(rig: Rig, share: Path) -> None:
    await rig.scan(share)
    (share / "Two" / "01.ogg").rename(share / "Two" / "01.ogg.part")
    [end] = await rig.scan(share)
    assert (end.state, end.offline) == ("done", 1)
    assert await offline(rig) == {**ALL_THERE, "Two": True}
    (share / "Two" / "01.ogg.part").rename(share / "Two" / "01.ogg")
    await rig.scan(share)
    assert await offline(rig) == ALL_THERE


class Blindfold(ThreadReader):
    """A reader for which some folders cannot be listed; of what lies in them, `hidden` cannot be seen either."""

    def __init__(self, blind: Path, *, hidden: bool) -> None:
        self._blind = str(blind)
        self._hidden = hidden

    async def walk(self, folder: str) -> AsyncGenerator[Listed]:
        async for part in super().walk(folder):
            found = [file for file in part.found if not file.path.startswith(self._blind)]
            yield Listed(found, [Unreadable(self._blind, "input/output error")], [self._blind], part.entries)

    async def present(self, paths: Sequence[str]) -> set[str]:
        return set() if self._hidden else await super().present(paths)


@pytest.mark.parametrize("hidden", [True, False])
async def test_a_folder_that_cannot_be_listed_hides_only_what_cannot_be_reached(
    rig: Rig, share: Path, hidden: bool
) -> None:
    await rig.scan(share)
    rig.library._reader = Blindfold(share / "Two", hidden=hidden)  # pyright: ignore[reportPrivateUsage]
    [end] = await rig.scan(share)
    assert end.state == "done"
    assert end.skipped[0] == f"{share / 'Two'}: input/output error"
    assert await offline(rig) == {**ALL_THERE, "Two": hidden}


class Unmounted(ThreadReader):
    """A reader for which the share is gone once the walk is over."""

    def __init__(self, share: Path) -> None:
        self._share = share
        self._gone = False

    async def tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        if not self._gone:
            self._gone = True
            move(self._share, self._share.with_name("away"))
        return await super().tags(asked)


async def test_a_share_that_goes_away_during_a_scan_fails_it_and_keeps_what_was_found(
    rig: Rig, share: Path, music: Music
) -> None:
    await rig.scan(share)
    for n in range(12):
        music.file(share / "New" / f"{n:02d}.ogg", pitch_hz=300.0)
    rig.library._reader = Unmounted(share)  # pyright: ignore[reportPrivateUsage]
    [end] = await rig.scan(share)
    assert (end.state, end.added, end.seen) == ("failed", 0, 15)
    assert "mounted?" in (end.reason or "")
    share.with_name("away").rename(share)
    [end] = await rig.scan(share)
    assert (end.state, end.added) == ("done", 12)


async def test_a_folder_that_is_no_longer_offered_is_offline_until_it_is_again(
    rig: Rig, share: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    await rig.scan(share, tmp_path / "other")
    await rig.scan(tmp_path / "other")
    assert await offline(rig) == ALL_OFFLINE
    await rig.scan(share, tmp_path / "other")
    assert await offline(rig) == ALL_THERE


async def test_an_offline_track_is_not_encoded_and_says_why(rig: Rig, share: Path) -> None:
    await rig.scan(share)
    (share / "Two" / "01.ogg").unlink()
    await rig.scan(share)
    [track] = (await rig.library.page("two")).tracks
    with pytest.raises(Refusal, match="cannot be reached now") as refused:
        await rig.library.want(track.id)
    assert refused.value.code == "unavailable"


async def test_what_is_left_of_a_vanished_file_can_be_removed_and_one_that_came_back_stays(
    rig: Rig, share: Path
) -> None:
    await rig.scan(share)
    by_title = {track.title: track for track in (await rig.library.page(limit=100)).tracks}
    away = move(share / "One", share.with_name("One"))
    await rig.scan(share)
    await rig.library.remove(by_title["One"].id)
    assert await offline(rig) == {"Two": False, "Three": False}
    with pytest.raises(Refusal, match="remove the file there"):
        await rig.library.remove(by_title["Two"].id)
    move(away, share / "One")
    await rig.scan(share)
    assert await offline(rig) == ALL_THERE
    assert (share / "One" / "01.ogg").exists()


async def test_an_upload_is_not_the_scans_business(rig: Rig, share: Path, tmp_path: Path, music: Music) -> None:
    incoming = music.file(tmp_path / "incoming.ogg", title="Mine")
    track = await rig.library.upload(incoming, "mine.ogg")
    os.unlink(track.path)
    await rig.scan(share)
    assert not (await rig.library.get(track.id)).offline


def rescans(rig: Rig, share: Path, *, every_s: float | None) -> Rescans:
    return Rescans([share], rig.library.scanner, every_s=every_s, now_ms=lambda: rig.clock[0])


async def test_a_scan_that_is_asked_for_runs_and_its_progress_is_seen(rig: Rig, share: Path, music: Music) -> None:
    again = rescans(rig, share, every_s=None)
    assert again.states()[0].state == "waiting"
    async with running(again):
        await until_scans(again, 1)
        music.file(share / "Four" / "01.ogg", pitch_hz=500.0)
        again.request()
        await until_scans(again, 2)
    assert (again.states()[0].state, again.states()[0].added) == ("done", 1)
    assert again.states()[0].finished_ms == int(rig.clock[0])


async def test_scans_repeat_by_themselves(rig: Rig, share: Path) -> None:
    again = rescans(rig, share, every_s=0.01)
    async with running(again):
        await until_scans(again, 3)
    assert again.statistics().seen == 3


async def test_a_failed_folder_is_tried_again_alone(rig: Rig, share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatssound.audio.rescans.RETRY_S", 0.01)
    away = move(share, share.with_name("away"))
    again = Rescans([share, away], rig.library.scanner, every_s=3600, now_ms=lambda: rig.clock[0])
    async with running(again):
        await until_scans(again, 1)
        assert [state.state for state in again.states()] == ["failed", "done"]
        rig.clock[0] += 1000
        move(away, share)
        while again.states()[0].state != "done":
            await again.next_step().wait()
    first, second = again.states()
    assert first.seen == 3
    assert first.finished_ms != second.finished_ms


@asynccontextmanager
async def running(again: Rescans) -> AsyncGenerator[None]:
    task = asyncio.create_task(again.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_scans(again: Rescans, count: int) -> None:
    while again.statistics().scans < count:
        await again.next_step().wait()
