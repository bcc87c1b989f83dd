"""What a file's place tells where its tags are silent, and which tracks make an album."""

import pytest

from whatssound.audio.albums import album_key, credited
from whatssound.audio.folder_names import FolderNames, names_of, title_of


def told(path: str) -> tuple[str | None, str | None, str, int | None, int | None, int | None]:
    names = names_of(f"/music/{path}", "/music")
    return names.artist, names.album, names.title, names.track_number, names.disc_number, names.year


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Björk/Homogenic/02 Jóga.flac", ("Björk", "Homogenic", "Jóga", 2, None, None)),
        ("Björk/Homogenic (1997)/02. Jóga.flac", ("Björk", "Homogenic", "Jóga", 2, None, 1997)),
        ("Björk/[1997] Homogenic/2 - Jóga.flac", ("Björk", "Homogenic", "Jóga", 2, None, 1997)),
        ("Björk/1997 - Homogenic/02_Jóga.flac", ("Björk", "Homogenic", "Jóga", 2, None, 1997)),
        ("A/Rock/Queen/Live/CD 2/03 One.mp3", ("Queen", "Live", "One", 3, 2, None)),
        ("Queen/Live/disc1/1-03 One.mp3", ("Queen", "Live", "One", 3, 1, None)),
        ("Queen/Live/2-03 One.mp3", ("Queen", "Live", "One", 3, 2, None)),
        ("Queen - Live (1985)/03 One.mp3", ("Queen", "Live", "One", 3, None, 1985)),
        ("Summer/Nena - 99 Luftballons.mp3", ("Nena", "Summer", "99 Luftballons", None, None, None)),
        ("99 Luftballons.mp3", (None, None, "99 Luftballons", None, None, None)),
        ("Prince/1999/01 1999.mp3", ("Prince", "1999", "1999", 1, None, None)),
        ("Taylor/1989 (Deluxe)/01 Style.mp3", ("Taylor", "1989 (Deluxe)", "Style", 1, None, None)),
        ("un_tagged.ogg", (None, None, "un tagged", None, None, None)),
        ("CD 1/01.mp3", (None, None, "01", None, 1, None)),
    ],
)
def test_folders_and_file_names_say_what_they_can(
    path: str, expected: tuple[str | None, str | None, str, int | None, int | None, int | None]
) -> None:
    assert told(path) == expected


def test_both_discs_of_an_album_have_the_same_folder() -> None:
    first, second = (names_of(f"/m/Queen/Live/CD{n}/01 One.mp3", "/m") for n in (1, 2))
    assert first.folder == second.folder == "/m/Queen/Live"
    assert names_of("/m/one.mp3", "/m") == FolderNames("one", "/m")


def test_a_title_is_visible_and_bounded() -> None:
    assert title_of("C:\\music\\Night_Drive.flac") == "Night Drive"
    assert title_of("a\x00b\x1b[31m.mp3") == "ab [31m"
    assert title_of("x" * 1000) == "x" * 300
    assert title_of("") == "Untitled"


def test_guests_make_no_artists_and_compilations_are_nobodys() -> None:
    assert credited("Queen feat. Bowie", "Queen") == "Queen"
    assert credited("Nena", "Various Artists") == "Nena"
    assert credited("Rocío", "VARIOS ARTISTAS") == "Rocío"
    assert credited("Nena", None) == "Nena"
    assert credited(None, "Various") is None


def test_an_album_holds_together_by_its_artist_or_else_by_its_folder() -> None:
    assert album_key("Live", "Queen", "/a") == album_key("LIVE", "queen", "/b")
    assert album_key("Live", None, "/a") == album_key("Live", None, "/a")
    assert album_key("Live", None, "/a") != album_key("Live", None, "/b")
    assert album_key("Live", "Queen", "/a") != album_key("Live", "Oasis", "/a")
    assert album_key(None, "Queen", "/a") is None
