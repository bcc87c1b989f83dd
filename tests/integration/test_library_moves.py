"""A track stays itself when its file is renamed, moved or retagged, and nobody takes the place of one that is there."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import script
from library_folder import Music, empty, move, retag
from whatssound.ids import TrackId


@pytest.fixture
def encoder() -> StagedEncoder:
    return StagedEncoder(script)


@pytest.fixture
async def rig(tmp_path: Path, encoder: StagedEncoder) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data", encoder) as rig:
        yield rig


@pytest.fixture
def folder(tmp_path: Path, music: Music) -> Path:
    """Two albums of two tracks, each track other music."""
    folder = tmp_path / "music"
    pitches = iter((200.0, 250.0, 300.0, 350.0))
    for album in ("One", "Two"):
        for n in (1, 2):
            tags = {"title": f"Song {n}", "artist": "Ana", "album": album, "tracknumber": n}
            music.file(folder / "Ana" / album / f"0{n}.flac", pitch_hz=next(pitches), **tags)
    return folder


async def ids(rig: Rig, folder: Path) -> dict[str, TrackId]:
    """The track of each path below `folder`."""
    tracks = (await rig.library.page(limit=100)).tracks
    return {str(Path(track.path).relative_to(folder)): track.id for track in tracks if not track.offline}


async def test_a_renamed_file_and_a_renamed_album_keep_their_tracks(rig: Rig, folder: Path) -> None:
    await rig.scan(folder)
    before = await ids(rig, folder)
    (folder / "Ana" / "One" / "01.flac").rename(folder / "Ana" / "One" / "first.flac")
    (folder / "Ana" / "Two").rename(folder / "Ana" / "Too")
    [end] = await rig.scan(folder)
    assert (end.added, end.changed, end.moved, end.offline) == (0, 0, 3, 0)
    assert await ids(rig, folder) == {
        "Ana/One/first.flac": before["Ana/One/01.flac"],
        "Ana/One/02.flac": before["Ana/One/02.flac"],
        "Ana/Too/01.flac": before["Ana/Two/01.flac"],
        "Ana/Too/02.flac": before["Ana/Two/02.flac"],
    }


async def test_a_moved_track_is_not_encoded_again(rig: Rig, folder: Path, encoder: StagedEncoder) -> None:
    await rig.scan(folder)
    id = (await ids(rig, folder))["Ana/One/01.flac"]
    encoder.open("01")
    await rig.library.want(id)
    before = await rig.settled(id)
    (folder / "Ana" / "One" / "01.flac").rename(folder / "01 moved.flac")
    await rig.scan(folder)
    after = await rig.library.get(id)
    assert (after.status, after.blob_key, after.samples) == ("ready", before.blob_key, before.samples)
    assert after.path == str(folder / "01 moved.flac")


async def test_a_file_moved_and_retagged_at_once_keeps_its_track(rig: Rig, folder: Path) -> None:
    await rig.scan(folder)
    id = (await ids(rig, folder))["Ana/Two/02.flac"]
    moved = (folder / "Ana" / "Two" / "02.flac").rename(folder / "x.flac")
    retag(moved, title="Otra", artist="Eva", album="Tres")
    os.utime(moved, ns=(1, 1))
    [end] = await rig.scan(folder)
    assert (end.moved, end.added, end.offline) == (1, 0, 0)
    track = await rig.library.get(id)
    assert (track.title, track.artist, track.path) == ("Otra", "Eva", str(moved))
    assert (await rig.library.page("otra")).total == 1
    assert (await rig.library.page("song 2 two")).total == 0


async def test_a_move_from_one_library_folder_to_another_keeps_the_track(
    rig: Rig, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "a first"
    other.mkdir()
    (other / "readme.txt").touch()
    await rig.scan(other, folder)
    id = (await ids(rig, tmp_path))["music/Ana/One/01.flac"]
    (folder / "Ana" / "One" / "01.flac").rename(other / "01.flac")
    ends = await rig.scan(other, folder)
    assert [end.moved for end in ends] == [1, 0]
    assert (await ids(rig, tmp_path))["a first/01.flac"] == id


async def test_a_library_folder_that_was_renamed_keeps_its_tracks(rig: Rig, folder: Path, tmp_path: Path) -> None:
    await rig.scan(folder)
    before = await ids(rig, folder)
    folder = move(folder, tmp_path / "elsewhere")
    [end] = await rig.scan(folder)
    assert (end.moved, end.added) == (4, 0)
    assert await ids(rig, folder) == before


async def test_a_copy_does_not_take_the_track_of_a_file_that_is_there(rig: Rig, folder: Path) -> None:
    await rig.scan(folder)
    before = await ids(rig, folder)
    os.link(folder / "Ana" / "One" / "01.flac", folder / "copy.flac")
    [end] = await rig.scan(folder)
    assert (end.added, end.moved) == (1, 0)
    after = await ids(rig, folder)
    assert after.pop("copy.flac") not in before.values()
    assert after == before


async def test_a_copy_does_not_take_the_track_of_a_file_on_a_share_that_is_not_mounted(
    rig: Rig, folder: Path, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    local.mkdir()
    await rig.scan(local, folder)
    before = await ids(rig, folder)
    os.link(folder / "Ana" / "One" / "01.flac", local / "01.flac")
    away = move(folder, tmp_path / "away")
    empty(folder)
    ends = await rig.scan(local, folder)
    assert [(end.added, end.moved, end.offline) for end in ends] == [(1, 0, 0), (0, 0, 4)]
    os.rmdir(folder)
    move(away, folder)
    await rig.scan(local, folder)
    assert {id for path, id in (await ids(rig, tmp_path)).items() if path != "local/01.flac"} == set(before.values())


async def test_hard_linked_copies_of_one_file_are_told_apart_by_their_places(
    rig: Rig, music: Music, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    one = music.file(tmp_path / "one.mp3", title="Same", artist="Same", album="Same")
    for artist in ("A", "B"):
        for album in ("X", "Y"):
            (folder / artist / album).mkdir(parents=True)
            for n in range(20):
                os.link(one, folder / artist / album / f"{n:02d}.mp3")
    await rig.scan(folder)
    before = await ids(rig, folder)
    (folder / "A" / "X").rename(folder / "A" / "Z")
    (folder / "B").rename(folder / "C")
    [end] = await rig.scan(folder)
    assert (end.moved, end.added, end.offline) == (60, 0, 0)
    places = {"A/Z": "A/X", "C/X": "B/X", "C/Y": "B/Y", "A/Y": "A/Y"}
    after = await ids(rig, folder)
    assert after == {path: before[f"{places[path[:3]]}/{path[4:]}"] for path in after}
    assert len(set(after.values())) == 80
