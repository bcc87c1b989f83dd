"""A library of 1,500 files: found whole, compared without reading, moved by the hundred."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import script
from library_copies import linked, stock
from library_folder import Music, move
from whatssound.adapters.media.thread_reader import ThreadReader
from whatssound.audio.folder import Unreadable
from whatssound.audio.tags import Asked, Tags

FILES = 1500
DIFFERENT = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, music: Music) -> Path:
    folder = tmp_path_factory.mktemp("large")
    linked(stock(music, folder / "stock", DIFFERENT), folder / "library", FILES)
    return folder / "library"


class Counting(ThreadReader):
    """Counts the files whose tags are read."""

    def __init__(self) -> None:
        self.read = 0

    async def tags(self, asked: Sequence[Asked]) -> list[Tags | Unreadable]:
        self.read += len(asked)
        return await super().tags(asked)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        yield rig


async def ids(rig: Rig, folder: Path) -> dict[str, int]:
    files = await rig.store.files()
    return {file.path.removeprefix(f"{folder}/"): file.id for file in files if not file.offline}


async def test_all_are_found_and_a_rescan_reads_only_what_changed(rig: Rig, folder: Path) -> None:
    reader = rig.library._reader = Counting()  # pyright: ignore[reportPrivateUsage]
    [end] = await rig.scan(folder)
    assert (end.state, end.seen, end.added, end.unreadable, reader.read) == ("done", FILES, FILES, 0, FILES)
    assert (await rig.library.page(limit=1)).total == FILES
    assert (await rig.library.page("corazon partio")).total == FILES // DIFFERENT * 3
    assert (await rig.library.listing.albums(None, 1, None)).total > 30
    [end] = await rig.scan(folder)
    assert (end.seen, end.added, end.changed, end.moved, reader.read) == (FILES, 0, 0, 0, FILES)
    os.utime(folder / "Artist 000" / "Álbum 0 (1960)" / "02 Track.mp3", ns=(1, 1))
    same_file = FILES // DIFFERENT
    [end] = await rig.scan(folder)
    assert (end.changed, end.added, end.moved, reader.read) == (same_file, 0, 0, FILES + same_file)


async def test_hundreds_of_copies_that_move_at_once_keep_their_own_tracks(rig: Rig, folder: Path) -> None:
    await rig.scan(folder)
    before = await ids(rig, folder)
    for artist in range(5):
        move(folder / f"Artist {artist:03d}", folder / f"Moved {artist:03d}")
    try:
        [end] = await rig.scan(folder)
        after = await ids(rig, folder)
    finally:
        for artist in range(5):
            move(folder / f"Moved {artist:03d}", folder / f"Artist {artist:03d}")
    assert (end.moved, end.added, end.offline) == (500, 0, 0)
    assert {path.replace("Moved", "Artist"): id for path, id in after.items()} == before
