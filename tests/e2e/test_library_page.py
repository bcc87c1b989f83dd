"""A folder of music on the page: albums in their order, artists, search, and a share that goes away and comes back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from playwright.sync_api import Browser, Locator, expect

from e2e.people import PATIENCE_MS, Person, dj, open_room
from music import RATE_HZ
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ALBUM = ["Departure", "Motorway", "Last stop"]
MANY = 70
"""More than a page of the library has."""


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf") / "music"
    folder.mkdir()
    for number, title in enumerate(ALBUM, start=1):
        flac(folder / f"{9 - number}.flac", title=title, artist="Kolme", album="Night bus", tracknumber=str(number))
    for number in range(MANY):
        flac(folder / f"loop {number:02}.flac", title=f"Loop {number:02}", artist="The Loops", album="All loops")
    return folder


def flac(path: Path, **tags: str) -> None:
    soundfile.write(path, np.zeros((RATE_HZ * 2, 2), dtype=np.int16), RATE_HZ)
    file = FLAC(path)
    for name, value in tags.items():
        file[name] = value
    file.save()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("shelf server") / "data", "--library", str(music)) as running:
        yield running


@pytest.fixture(scope="module")
def ana(browser: Browser, shelf: ServerProcess) -> Iterator[Person]:
    person = dj(browser, shelf)
    open_room(person, "Shelf night")
    expect(person.part("library-search")).to_have_attribute(
        "placeholder", f"Search {MANY + len(ALBUM)} tracks", timeout=PATIENCE_MS
    )
    yield person
    person.close()


def titles(rows: Locator) -> list[str]:
    return rows.evaluate_all("rows => rows.map(row => row.querySelector('.cut').textContent.trim())")


def show(person: Person, tab: str) -> None:
    if person.part("library-back").is_visible():
        person.part("library-back").click()
    person.part(f"library-{tab}").click()


def test_an_album_is_opened_and_queued_in_its_order_by_keyboard(ana: Person) -> None:
    ana.part("library-tracks").focus()
    ana.page.keyboard.press("ArrowRight")
    expect(ana.part("library-albums")).to_be_focused()
    expect(ana.part("library-albums")).to_have_attribute("aria-selected", "true")
    album = ana.part("library-album").filter(has_text="Night bus")
    album.get_by_role("button").first.press("Enter")
    expect(ana.part("library-back")).to_be_focused(timeout=PATIENCE_MS)
    expect(ana.part("library-track")).to_have_count(len(ALBUM), timeout=PATIENCE_MS)
    assert titles(ana.part("library-track")) == ALBUM
    ana.part("add-all").press("Enter")
    expect(ana.part("queue-entry")).to_have_count(len(ALBUM), timeout=PATIENCE_MS)
    assert titles(ana.part("queue-entry")) == ALBUM
    ana.part("library-back").press("Enter")
    expect(ana.part("library-album").first).to_be_visible()


def test_an_artist_shows_their_albums_and_their_tracks(ana: Person) -> None:
    show(ana, "artists")
    ana.part("library-artist").filter(has_text="Kolme").click()
    expect(ana.part("library-album")).to_have_count(1, timeout=PATIENCE_MS)
    expect(ana.part("library-track")).to_have_count(len(ALBUM), timeout=PATIENCE_MS)


def test_the_next_page_comes_by_scrolling(ana: Person) -> None:
    show(ana, "tracks")
    ana.part("library-search").fill("loops")
    rows = ana.part("library-track").filter(has_text="Loop ")
    expect(rows).to_have_count(50, timeout=PATIENCE_MS)
    rows.last.scroll_into_view_if_needed()
    expect(rows).to_have_count(MANY, timeout=PATIENCE_MS)


def test_a_track_says_that_it_was_not_long_ago_in_this_room(ana: Person) -> None:
    ana.part("library-search").fill("departure")
    expect(ana.part("library-track")).to_have_count(1, timeout=PATIENCE_MS)
    expect(ana.part("library-track")).not_to_contain_text("here")
    ana.part("play").click()
    ana.sees_title(ALBUM[0])
    ana.part("pause").click()
    ana.part("library-search").fill("departure kolme")
    expect(ana.part("library-track")).to_contain_text("here", timeout=PATIENCE_MS)


def test_a_share_that_went_away_greys_its_tracks_and_gives_them_back(ana: Person, music: Path) -> None:
    ana.part("library-search").fill("loop 01")
    row = ana.part("library-track").filter(has_text="Loop 01")
    expect(row.get_by_test_id("library-add")).to_be_visible(timeout=PATIENCE_MS)
    ana.part("library-status").click()
    away = music.rename(music.with_name("unplugged"))
    ana.part("scan-now").click()
    expect(row).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
    expect(row.get_by_test_id("library-add")).to_have_count(0)
    expect(ana.part("status-tracks")).to_contain_text("they are kept", timeout=PATIENCE_MS)
    away.rename(music)
    ana.part("scan-now").click()
    expect(row.get_by_test_id("library-add")).to_be_visible(timeout=PATIENCE_MS)
    ana.page.keyboard.press("Escape")
    expect(ana.part("scan-now")).to_be_hidden()
