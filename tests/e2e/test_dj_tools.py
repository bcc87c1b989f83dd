"""What a DJ works with besides the transport: whole folders, saved queues, hearing alone, the set, removal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import DJ_GOAL_MS, GOAL_MS, PATIENCE_MS, Person, apart_ms, dj, listener, open_room, queue, upload
from music import make_wav
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

UNDISTURBED_MS = 40
"""As far as two people may be apart: what the room plays stays where it was."""


@pytest.fixture(scope="module")
def ana(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = dj(browser, server)
    yield person
    person.close()


@pytest.fixture(scope="module")
def room(ana: Person, songs: list[Path]) -> str:
    address = open_room(ana, "Tool night")
    upload(ana, *songs)
    for song in songs:
        queue(ana, song.stem)
    return address


@pytest.fixture(scope="module")
def ben(browser: Browser, ana: Person, room: str) -> Iterator[Person]:
    ana.part("play").click()
    person = listener(browser)
    person.open(room)
    person.listen()
    person.hears()
    yield person
    person.close()


def folder_of_music(folder: Path, names: list[str], pitch_hz: float) -> Path:
    """A folder of short pieces, of one in a folder inside it, and of what is no music."""
    (folder / "Side B").mkdir(parents=True)
    for number, name in enumerate(names):
        make_wav(folder / f"{name}.wav", seconds=4, pitch_hz=pitch_hz * (1 + number / 8))
    make_wav(folder / "Side B" / f"{names[-1]} again.wav", seconds=4, pitch_hz=pitch_hz * 2)
    (folder / "cover.txt").write_text("no picture")
    (folder / "Side B" / "notes.pdf").write_text("no music")
    return folder


def entries(person: Person) -> list[str]:
    return person.page.get_by_test_id("queue-entry").evaluate_all(
        "rows => rows.map(row => row.querySelector('.cut').textContent.trim())"
    )


def drop_on_the_queue(person: Person, path: Path) -> None:
    """As a hand does it: over the page, onto its left half, let go."""
    hand = person.context.new_cdp_session(person.page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 400, "data": data})
    person.part("drop-zone").wait_for()
    for kind in ("dragOver", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": 310, "y": 410, "data": data})


def test_a_folder_dropped_on_the_queue_joins_it_in_the_order_of_its_names(
    ana: Person, room: str, tmp_path: Path
) -> None:
    before = entries(ana)
    drop_on_the_queue(ana, folder_of_music(tmp_path / "Album", ["10 Ten", "2 Two", "1 One"], 330))
    expect(ana.page.get_by_text("2 files that are not music were left out")).to_be_visible(timeout=PATIENCE_MS)
    expect(ana.page.get_by_test_id("queue-entry")).to_have_count(len(before) + 4, timeout=PATIENCE_MS)
    assert entries(ana)[len(before) :] == ["1 One", "2 Two", "10 Ten", "1 One again"]


def test_a_chosen_folder_goes_into_the_library_only(ana: Person, room: str, tmp_path: Path) -> None:
    before = entries(ana)
    ana.part("folder-input").set_input_files(str(folder_of_music(tmp_path / "Chosen", ["Quiet piece"], 440)))
    for title in ("Quiet piece", "Quiet piece again"):
        row = ana.page.get_by_test_id("library-track").filter(has=ana.page.get_by_text(title, exact=True))
        expect(row.first).to_be_visible(timeout=PATIENCE_MS)
    assert entries(ana) == before


def test_a_track_heard_alone_leaves_the_room_where_it_is(ana: Person, ben: Person, songs: list[Path]) -> None:
    ana.settle(goal_ms=DJ_GOAL_MS)
    ben.settle(goal_ms=GOAL_MS)
    before = ana.probe()
    row = ana.part("library-track").filter(has_text=songs[2].stem).first
    row.get_by_test_id("cue").press("Enter")
    expect(ana.part("cue-bar")).to_have_attribute("data-state", "playing", timeout=PATIENCE_MS)
    ana.page.wait_for_function("() => document.querySelector('[data-testid=cue-audio]').currentTime > 1")
    ana.part("cue-seek").press("PageUp")
    ana.part("cue-seek").press("ArrowRight")
    ana.part("cue-toggle").press("Enter")
    expect(ana.part("cue-bar")).to_have_attribute("data-state", "paused", timeout=PATIENCE_MS)
    ana.part("cue-toggle").press("Enter")
    expect(ana.part("cue-bar")).to_have_attribute("data-state", "playing", timeout=PATIENCE_MS)
    after = ana.settle(goal_ms=DJ_GOAL_MS)
    ben.settle(goal_ms=GOAL_MS)
    assert abs(apart_ms(before, after)) <= UNDISTURBED_MS
    assert abs(apart_ms(ana.probe(), ben.probe())) <= UNDISTURBED_MS


def test_what_is_put_on_air_is_no_longer_heard_alone(ana: Person, ben: Person, songs: list[Path]) -> None:
    expect(ana.part("cue-bar")).to_be_visible()
    entry = ana.part("queue-entry").filter(has_text=songs[2].stem).first
    entry.get_by_role("button", name=f"Play {songs[2].stem} now").press("Enter")
    ben.sees_title(songs[2].stem)
    expect(ana.part("cue-bar")).to_be_hidden(timeout=PATIENCE_MS)
    assert ana.page.evaluate("document.querySelector('[data-testid=cue-audio]').paused")
