"""Folders and uploads become tracks: tags, covers, ids that stay, files that are left alone."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TALB, TIT2, TPE1

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import script
from music import make_wav
from whatssound.adapters.media.tags import read_tags
from whatssound.audio import library as library_module
from whatssound.audio.tags import Asked
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPG = b"\xff\xd8\xff\xe0" + b"\0" * 100


@pytest.fixture
def encoder() -> StagedEncoder:
    return StagedEncoder(script)


@pytest.fixture
async def rig(tmp_path: Path, encoder: StagedEncoder) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data", encoder) as rig:
        yield rig


@pytest.fixture
def music(tmp_path: Path, ffmpeg: Path) -> Path:
    """Three files of music with tags, and things that are not music."""
    folder = tmp_path / "music"
    (folder / "Björk" / "Homogenic").mkdir(parents=True)
    wav = make_wav(tmp_path / "tone.wav", seconds=1.5)
    convert(ffmpeg, wav, joga := folder / "Björk" / "Homogenic" / "02 Jóga.flac")
    tagged_flac(joga)
    convert(ffmpeg, wav, folder / "song.mp3")
    tagged_mp3(folder / "song.mp3")
    convert(ffmpeg, wav, folder / "un_tagged.ogg")
    (folder / "notes.txt").write_text("no music")
    (folder / ".hidden.mp3").write_bytes(b"x")
    return folder


def convert(ffmpeg: Path, source: Path, target: Path) -> None:
    os.spawnv(os.P_WAIT, ffmpeg, ["ffmpeg", "-v", "error", "-y", "-i", str(source), str(target)])


def tagged_flac(file: Path) -> None:
    tags = FLAC(file)
    tags["title"], tags["artist"], tags["album"] = "Jóga", "Björk", "Homogenic"
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", PNG
    tags.add_picture(picture)
    tags.save()


def tagged_mp3(file: Path) -> None:
    tags = ID3(file)
    tags.add(TIT2(encoding=3, text="A\x01Song\n"))
    tags.add(TPE1(encoding=3, text=["One", "Two"]))
    tags.add(TALB(encoding=3, text=" "))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=3, data=JPG))
    tags.save(file)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size if path.is_file() else 0)
        for path in [folder, *folder.rglob("*")]
    }


async def test_a_scan_finds_music_by_its_tags_and_touches_nothing(rig: Rig, music: Path) -> None:
    before = snapshot(music)
    [end] = await rig.scan(music)
    assert snapshot(music) == before
    assert (end.state, end.seen, end.added, end.changed, end.unreadable, end.skipped) == ("done", 3, 3, 0, 0, ())
    tracks = (await rig.library.page()).tracks
    shown = [(t.title, t.artist, t.album, t.duration_ms, t.status) for t in tracks]
    assert shown[0][:2] == ("A Song", "One, Two")
    assert shown[1] == ("Jóga", "Björk", "Homogenic", 1500, "available")
    assert shown[2] == ("un tagged", None, None, 1500, "available")


async def test_a_scan_encodes_nothing(rig: Rig, music: Path, encoder: StagedEncoder) -> None:
    await rig.scan(music)
    assert encoder.jobs == []
    assert await rig.jobs.counts() == (0, 0)


async def test_covers_come_from_the_file_or_from_beside_it(rig: Rig, music: Path) -> None:
    (music / "Cover.JPG").write_bytes(JPG + b"beside")
    await rig.scan(music)
    song, joga, untagged = (await rig.library.page()).tracks
    assert await cover(rig, joga.cover_key) == PNG
    assert await cover(rig, song.cover_key) == JPG
    assert await cover(rig, untagged.cover_key) == JPG + b"beside"
    assert rig.library.body(joga).cover == f"/audio/covers/{joga.cover_key}"


async def cover(rig: Rig, key: str | None) -> bytes:
    assert key is not None
    return (await rig.edge.cover(key)).path.read_bytes()


async def test_a_picture_that_no_browser_should_show_is_no_cover(rig: Rig, music: Path) -> None:
    (music / "cover.jpg").write_text("<svg onload='alert(1)'/>")
    await rig.scan(music)
    assert (await rig.library.page("un tagged")).tracks[0].cover_key is None


async def test_a_second_scan_changes_nothing(rig: Rig, music: Path) -> None:
    await rig.scan(music)
    before = (await rig.library.page()).tracks
    [again] = await rig.scan(music)
    assert (again.seen, again.added, again.changed) == (3, 0, 0)
    assert (await rig.library.page()).tracks == before


async def test_a_retagged_file_keeps_its_id_and_must_be_encoded_anew(
    rig: Rig, music: Path, encoder: StagedEncoder
) -> None:
    await rig.scan(music)
    (before,) = (await rig.library.page("joga")).tracks
    encoder.open("02 Jóga")
    await rig.library.want(before.id)
    await rig.settled(before.id)
    tags = FLAC(before.path)
    tags["title"] = "Jóga (live)"
    tags.save()
    os.utime(before.path, ns=(1, 1))
    assert (await rig.scan(music))[0].changed == 1
    (after,) = (await rig.library.page("live")).tracks
    assert (after.id, after.status, after.blob_key, after.samples) == (before.id, "available", None, None)


async def test_what_cannot_be_read_is_reported_and_skipped(rig: Rig, music: Path) -> None:
    (music / "broken link.mp3").symlink_to(music / "nowhere.mp3")
    (music / os.fsdecode(b"bad\xff.mp3")).write_bytes(b"x")
    (music / "loop").symlink_to(music)
    [end] = await rig.scan(music)
    assert (end.added, end.unreadable) == (3, 2)
    assert any("broken link.mp3: it is not there" in line for line in end.skipped)
    assert any("its name is not UTF-8" in line for line in end.skipped)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_closed_folder_is_reported_and_the_others_are_scanned(rig: Rig, music: Path) -> None:
    closed = music / "Björk"
    closed.chmod(0)
    try:
        [end] = await rig.scan(music)
    finally:
        closed.chmod(0o755)
    assert (end.added, end.unreadable) == (2, 1)
    assert end.skipped == (f"{closed}: we are not allowed to read it",)


async def test_a_file_whose_tags_are_nonsense_is_offered_by_its_name(rig: Rig, music: Path) -> None:
    (music / "broken.mp3").write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff" * 500)
    (music / "empty.flac").touch()
    [end] = await rig.scan(music)
    assert (end.added, end.unreadable) == (5, 0)
    assert (await rig.library.page("broken")).total == 1


async def test_a_library_that_is_no_folder_fails_with_advice(rig: Rig, music: Path) -> None:
    ends = await rig.scan(music / "song.mp3", music / "nowhere")
    assert [end.state for end in ends] == ["failed", "failed"]
    assert all("is it mounted?" in (end.reason or "") for end in ends)


async def test_pages_follow_each_other_by_cursor(rig: Rig, music: Path) -> None:
    await rig.scan(music)
    first = await rig.library.page(limit=2)
    assert first.next is not None
    second = await rig.library.page(limit=2, cursor=first.next)
    assert [t.title for t in first.tracks + second.tracks] == ["A Song", "Jóga", "un tagged"]
    assert (first.total, second.total, second.next) == (3, 3, None)


@pytest.mark.parametrize("cursor", ["x", "====", "AAAA", "é", "OTk5OTk5OTk5OTk5OTk5OTk5OTkgYQ=="])
async def test_a_strange_cursor_is_refused(rig: Rig, cursor: str) -> None:
    with pytest.raises(Refusal, match="not one of ours"):
        await rig.library.page(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_a_page_has_a_sensible_size(rig: Rig, limit: int) -> None:
    with pytest.raises(Refusal, match="1 to 100"):
        await rig.library.page(limit=limit)


async def test_an_upload_is_kept_and_encoded_at_once(
    rig: Rig, music: Path, tmp_path: Path, encoder: StagedEncoder
) -> None:
    incoming = (music / "song.mp3").rename(tmp_path / "incoming")
    track = await rig.library.upload(incoming, "../../My_Song.MP3")
    assert (track.title, track.status, track.source) == ("A Song", "queued", "upload")
    assert Path(track.path) == rig.data / "uploads" / f"{track.id}.mp3"
    assert not incoming.exists()
    encoder.open(str(track.id))
    assert (await rig.settled(track.id)).status == "ready"


@pytest.mark.parametrize(
    ("filename", "title", "suffix"),
    [
        ("C:\\music\\Night_Drive.flac", "Night Drive", ".flac"),
        ("../../etc/passwd", "passwd", ""),
        ("a\x00b\x1b[31m.mp3", "ab [31m", ".mp3"),
        (".mp3", ".mp3", ""),
        ("", "Untitled", ""),
        ("x" * 1000 + ".ogg", "x" * 300, ".ogg"),
        ("song.m$p", "song", ""),
    ],
)
async def test_any_file_name_makes_a_title(rig: Rig, tmp_path: Path, filename: str, title: str, suffix: str) -> None:
    (tmp_path / "incoming").write_bytes(b"anything")
    track = await rig.library.upload(tmp_path / "incoming", filename)
    assert (track.title, Path(track.path).name) == (title, f"{track.id}{suffix}")


async def test_a_full_disk_refuses_the_upload(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library_module, "_move", no_space)
    with pytest.raises(Refusal, match="disk is full"):
        await rig.library.upload(tmp_path / "incoming", "a.mp3")
    assert (await rig.library.page()).total == 0


async def test_a_track_that_does_not_exist_is_not_found(rig: Rig) -> None:
    with pytest.raises(Refusal, match="no such track"):
        await rig.library.get(TrackId(1))
    with pytest.raises(Refusal, match="no such track"):
        await rig.library.want(TrackId(1))
    assert await rig.library.several([TrackId(1)]) == {}


async def test_a_track_on_the_wire_is_signed_only_for_players(rig: Rig, music: Path) -> None:
    await rig.scan(music)
    (joga,) = (await rig.library.page("joga")).tracks
    kept = rig.library.wire_track(joga)
    assert (kept.id, kept.title, kept.duration_ms, kept.hls) == (str(joga.id), "Jóga", 1500, None)
    assert rig.library.sign(kept).hls == rig.keys.master_path(joga.id)


def test_tags_of_a_missing_file_raise(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_tags(Asked(str(tmp_path / "missing.mp3")))


def test_a_waveform_is_thinned_by_its_loudest() -> None:
    assert library_module.thinned(bytes([1, 9, 2, 3, 0, 7]), 3) == [9, 3, 7]
    assert library_module.thinned(b"\x05", 3) == [5]
    assert library_module.thinned(bytes(range(10)), 3) == [2, 5, 9]
    assert library_module.thinned(b"", 3) == []


async def test_an_upload_is_found_again_from_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incoming").write_bytes(b"anything")
    async with audio(Path("relative"), StagedEncoder(script)) as rig:
        track = await rig.library.upload(tmp_path / "incoming", "a.mp3")
        assert Path(track.path) == tmp_path / "relative" / "uploads" / f"{track.id}.mp3"
