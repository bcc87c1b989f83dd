"""What is read from files of every format, and what their music is called whatever the tags say."""

import os
from pathlib import Path

import pytest
from mutagen.flac import FLAC, Picture

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import script
from library_folder import FORMATS, JPG, PNG, Music, retag, untouched
from whatssound.adapters.media.tags import read_cover, read_tags
from whatssound.audio.tags import Asked, Tags

FULL = {
    "title": "Corazón Partío",
    "artist": "Alejandro Sanz",
    "album": "Más",
    "albumartist": "Varios",
    "tracknumber": "03/10",
    "discnumber": "2/2",
    "date": "1997-09-09",
}


def read(file: Path, beside: Path | None = None) -> Tags:
    return read_tags(Asked(str(file), str(beside) if beside else None))


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_says_the_same(music: Music, tmp_path: Path, suffix: str) -> None:
    tags = read(music.file(tmp_path / f"a.{suffix}", **FULL))
    assert (tags.title, tags.artist, tags.album, tags.album_artist) == (
        *("Corazón Partío", "Alejandro Sanz", "Más", "Varios"),
    )
    assert (tags.track_number, tags.disc_number, tags.year) == (3, 2, 1997)
    assert tags.duration_ms == pytest.approx(2000, abs=60)


@pytest.mark.parametrize("suffix", FORMATS)
def test_music_has_one_name_however_it_is_tagged_and_other_music_another(
    music: Music, tmp_path: Path, suffix: str
) -> None:
    file = music.file(tmp_path / f"a.{suffix}")
    before = read(file).sound
    retag(file, **{**FULL, "title": "A much longer title than before " * 8})
    assert read(file).sound == before
    assert before is not None
    assert read(music.file(tmp_path / f"b.{suffix}", pitch_hz=330.0, **FULL)).sound != before


@pytest.mark.parametrize(
    ("number", "date", "expected"),
    [
        ("0", "0000", (None, None)),
        ("A1", "sometime", (None, None)),
        ("7", "2003", (7, 2003)),
        ("-3", "20030102", (None, 2003)),
    ],
)
def test_numbers_that_make_no_sense_are_none(
    music: Music, tmp_path: Path, number: str, date: str, expected: tuple[int | None, int | None]
) -> None:
    tags = read(music.file(tmp_path / "a.flac", tracknumber=number, date=date))
    assert (tags.track_number, tags.year) == expected


def test_a_cover_in_the_file_comes_before_one_beside_it(music: Music, tmp_path: Path) -> None:
    (tmp_path / "Cover.JPG").write_bytes(JPG)
    file = music.file(tmp_path / "a.flac", title="A")
    asked = Asked(str(file), str(tmp_path / "Cover.JPG"))
    assert read_cover(asked) == JPG
    tags = FLAC(file)
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", PNG
    tags.add_picture(picture)
    tags.save()
    mark = read_tags(asked).cover
    assert mark is not None
    assert (mark.suffix, read_cover(asked)) == ("png", PNG)


async def test_where_tags_are_silent_the_folders_speak(music: Music, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    music.file(folder / "Rosalía" / "Motomami (2022)" / "CD 1" / "03 Saoko.mp3")
    music.file(folder / "Rosalía" / "Motomami (2022)" / "CD 2" / "01 Candy.flac", pitch_hz=330.0, title="CANDY")
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        await rig.scan(folder)
        candy, saoko = (await rig.library.page()).tracks
        assert (saoko.title, saoko.artist, saoko.album, saoko.year) == ("Saoko", "Rosalía", "Motomami", 2022)
        assert (saoko.disc_number, saoko.track_number) == (1, 3)
        assert (candy.title, candy.disc_number, candy.track_number) == ("CANDY", 2, 1)
        [album] = (await rig.library.listing.albums(None, 10, None)).albums
        assert (album.title, album.artist, album.tracks) == ("Motomami", "Rosalía", 2)
        listed = await rig.library.listing.tracks(None, 10, None, album=album.key)
        assert [track.title for track in listed.tracks] == ["Saoko", "CANDY"]


async def test_compilations_and_guests_make_one_album(music: Music, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for number, (artist, whose) in enumerate((("Nena", "Varios Artistas"), ("Alaska", "Varios Artistas"))):
        file = folder / "80s" / f"{number}.ogg"
        music.file(file, pitch_hz=200.0 + number, title="T", artist=artist, album="Años 80", albumartist=whose)
    for number, artist in enumerate(("Queen", "Queen feat. Bowie")):
        file = folder / f"{number}.ogg"
        music.file(file, pitch_hz=300.0 + number, title="T", artist=artist, album="Hot Space", albumartist="Queen")
    for number, artist in enumerate(("A", "B")):
        music.file(folder / "mix" / f"{number}.ogg", pitch_hz=400.0 + number, title="T", artist=artist, album="Mix")
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        await rig.scan(folder)
        albums = (await rig.library.listing.albums(None, 10, None)).albums
        assert [(album.title, album.artist, album.tracks) for album in albums] == [
            ("Años 80", "Varios Artistas", 2),
            ("Hot Space", "Queen", 2),
            ("Mix", None, 2),
        ]
        artists = (await rig.library.listing.artists(None, 10, None)).artists
        assert [artist.name for artist in artists] == ["A", "Alaska", "B", "Nena", "Queen"]


async def test_a_scan_leaves_the_folder_as_it_was_to_the_byte(music: Music, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for suffix in FORMATS:
        music.file(folder / "a" / f"x.{suffix}", **FULL)
    (folder / "a" / "cover.jpg").write_bytes(JPG)
    (folder / "b").mkdir()
    os.utime(folder / "b", ns=(1, 1))
    before = untouched(folder)
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        await scanned_and_listed(rig, folder)
        await scanned_and_listed(rig, folder)
    assert untouched(folder) == before


async def scanned_and_listed(rig: Rig, folder: Path) -> None:
    [end] = await rig.scan(folder)
    assert (end.state, end.seen, end.unreadable) == ("done", len(FORMATS), 0)
    assert (await rig.library.page()).total == len(FORMATS)
