"""What outlasts the moment: queues saved for another night, the history of the set, tracks taken along or away."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, Person, dj, listener, open_room, queue, upload
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ana(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = dj(browser, server)
    yield person
    person.close()


@pytest.fixture(scope="module")
def room(ana: Person, songs: list[Path]) -> str:
    address = open_room(ana, "Set night")
    upload(ana, *songs)
    for song in songs:
        queue(ana, song.stem)
    return address


@pytest.fixture(scope="module")
def ben(browser: Browser, room: str) -> Iterator[Person]:
    person = listener(browser)
    person.open(room)
    person.part("next").click()
    yield person
    person.close()


def titles(person: Person, rows: str) -> list[str]:
    return person.part(rows).evaluate_all("rows => rows.map(row => row.querySelector('.cut').textContent.trim())")


def close_sheet(person: Person) -> None:
    person.page.keyboard.press("Escape")
    expect(person.page.get_by_role("dialog")).to_have_count(0)


def test_a_queue_is_saved_and_found_another_night(ana: Person, room: str, songs: list[Path]) -> None:
    before = titles(ana, "queue-entry")
    ana.part("saved-open").press("Enter")
    ana.part("saved-name").fill("Warm up")
    ana.part("saved-name").press("Enter")
    expect(ana.part("saved-queue")).to_contain_text("Warm up", timeout=PATIENCE_MS)
    expect(ana.part("saved-queue")).to_contain_text(f"{len(songs)} tracks")
    close_sheet(ana)
    ana.page.reload()
    expect(ana.part("queue-entry")).to_have_count(len(before), timeout=PATIENCE_MS)
    ana.part("saved-open").press("Enter")
    ana.part("saved-load").press("Enter")
    expect(ana.part("queue-entry")).to_have_count(2 * len(before), timeout=PATIENCE_MS)
    assert titles(ana, "queue-entry") == before * 2


def test_a_saved_queue_takes_another_name_and_is_deleted_by_keyboard(ana: Person, room: str) -> None:
    ana.part("saved-open").press("Enter")
    ana.part("saved-name").fill("Throw away")
    ana.part("saved-save").press("Enter")
    mine = ana.part("saved-queue").filter(has_text="Throw away")
    mine.get_by_test_id("saved-rename").press("Enter")
    ana.part("saved-rename-input").fill("Thrown away")
    ana.part("saved-rename-input").press("Enter")
    mine = ana.part("saved-queue").filter(has_text="Thrown away")
    expect(mine).to_have_count(1, timeout=PATIENCE_MS)
    mine.get_by_role("button", name="Delete", exact=True).press("Enter")
    mine.get_by_role("button", name="Delete it?").press("Enter")
    expect(mine).to_have_count(0, timeout=PATIENCE_MS)
    expect(ana.part("saved-queue")).to_have_count(1)
    close_sheet(ana)


def test_the_set_says_what_was_played_when(
    ana: Person, room: str, server: ServerProcess, songs: list[Path], tmp_path: Path
) -> None:
    first, second, third = (song.stem for song in songs)
    ana.part("play").click()
    entry = ""
    for title in (first, second, third):
        ana.sees_title(title)
        # What is skipped before its first note was never played.
        ana.hears(f"p.playing && p.entryId !== '{entry}' && p.positionMs > 300")
        entry = ana.probe()["entryId"]
        if title != third:
            ana.part("skip").click()
    ana.part("set-open").press("Enter")
    expect(ana.part("set-play")).to_have_count(3, timeout=PATIENCE_MS)
    assert titles(ana, "set-play") == [third, second, first]
    expect(ana.part("set-play").first).to_contain_text("playing now")
    with ana.page.expect_download() as saving:
        ana.part("set-csv").press("Enter")
    saving.value.save_as(tmp_path / "set.csv")
    rows = list(csv.DictReader((tmp_path / "set.csv").read_text("utf-8-sig").splitlines()))
    assert [row["title"] for row in rows] == [first, second, third]
    assert rows[0]["ended"] <= rows[1]["started"]
    plays = server.call("GET", f"/v1/rooms/{room.rpartition('/')[2]}/plays", token=server.token("owner"))["plays"]
    assert [play["track"]["title"] for play in plays] == [third, second, first]
    assert rows[2]["started"].startswith(iso_second(plays[0]["started_ms"]))


def iso_second(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def test_what_plays_is_saved_as_ogg(ana: Person, room: str, songs: list[Path], tmp_path: Path) -> None:
    with ana.page.expect_download() as saving:
        ana.part("save-ogg").press("Enter")
    assert saving.value.suggested_filename == f"{songs[2].stem}.ogg"
    saving.value.save_as(tmp_path / "saved.ogg")
    assert (tmp_path / "saved.ogg").read_bytes()[:4] == b"OggS"
    close_sheet(ana)


def test_a_listener_saves_what_plays_when_the_dj_allows_it(
    ana: Person, ben: Person, room: str, songs: list[Path]
) -> None:
    queue(ana, songs[0].stem)
    entry = ana.part("queue-entry").filter(has_text=songs[0].stem).first
    entry.get_by_role("button", name=f"Play {songs[0].stem} now").press("Enter")
    ben.sees_title(songs[0].stem)
    ben.part("played").click()
    expect(ben.part("set-play").first).to_contain_text("playing now", timeout=PATIENCE_MS)
    expect(ben.part("save-ogg")).to_have_count(0)
    ana.part("settings").press("Enter")
    ana.part("allow-saving").press(" ")
    expect(ana.part("allow-saving")).to_be_checked(timeout=PATIENCE_MS)
    close_sheet(ana)
    with ben.page.expect_download() as saving:
        ben.part("save-ogg").press("Enter")
    assert saving.value.path().read_bytes()[:4] == b"OggS"
    close_sheet(ben)


def test_a_removed_upload_leaves_every_queue(ana: Person, ben: Person, room: str, songs: list[Path]) -> None:
    gone = songs[1].stem
    queue(ana, gone)
    expect(ben.part("queue")).to_contain_text(gone, timeout=PATIENCE_MS)
    row = ana.part("library-track").filter(has_text=gone).first
    row.get_by_test_id("track-open").press("Enter")
    expect(ana.page.get_by_role("dialog")).to_contain_text("leaves every queue", timeout=PATIENCE_MS)
    ana.page.get_by_role("button", name="Remove this upload").press("Enter")
    ana.page.get_by_role("button", name="Remove it for good?").press("Enter")
    expect(ana.page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE_MS)
    expect(ben.part("queue")).not_to_contain_text(gone, timeout=PATIENCE_MS)
    expect(ana.part("library-track").filter(has_text=gone)).to_have_count(0)


def test_a_saved_queue_says_what_is_missing(ana: Person, room: str, songs: list[Path]) -> None:
    before = ana.part("queue-entry").count()
    ana.part("saved-open").press("Enter")
    expect(ana.part("saved-queue")).to_contain_text("1 cannot be played", timeout=PATIENCE_MS)
    ana.part("saved-load").press("Enter")
    expect(ana.part("queue-entry")).to_have_count(before + len(songs) - 1, timeout=PATIENCE_MS)
