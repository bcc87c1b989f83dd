"""The DJ's console by keyboard alone, with files that are not music, and on a phone."""

from collections.abc import Iterator
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
    address = open_room(ana, "Console night")
    upload(ana, *songs)
    for song in songs:
        queue(ana, song.stem)
    return address


def entries(person: Person) -> list[str]:
    return person.page.get_by_test_id("queue-entry").evaluate_all(
        "rows => rows.map(row => row.querySelector('.cut').textContent.trim())"
    )


def test_the_queue_is_reordered_by_keyboard(ana: Person, room: str, songs: list[Path]) -> None:
    first, second, third = (song.stem for song in songs)
    assert entries(ana) == [first, second, third]
    handle = ana.page.get_by_test_id("queue-entry").filter(has_text=third).locator("[data-handle]")
    handle.focus()
    ana.page.keyboard.press("ArrowUp")
    expect(ana.page.get_by_test_id("queue-entry").nth(1)).to_contain_text(third, timeout=PATIENCE_MS)
    assert entries(ana) == [first, third, second]


def test_the_transport_works_by_keyboard(ana: Person, room: str) -> None:
    ana.part("play").focus()
    ana.page.keyboard.press("Enter")
    ana.hears()
    before = ana.probe()["positionMs"]
    ana.part("seek").focus()
    ana.page.keyboard.press("ArrowRight")
    ana.hears(f"p.positionMs > {before} + 3000")
    ana.part("pause").focus()
    ana.page.keyboard.press("Enter")
    ana.hears("!p.playing")


def test_files_that_are_not_music_name_their_reason(ana: Person, room: str, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "shopping list.mp3").write_text("milk, bread, a new stylus\n" * 50)
    upload(ana, tmp_path / "empty.mp3", tmp_path / "shopping list.mp3")
    for name, reason in (("empty", "empty"), ("shopping list", "audio")):
        row = ana.part("upload").filter(has_text=name)
        expect(row).to_have_attribute("data-phase", "failed", timeout=PATIENCE_MS)
        expect(row).to_contain_text(reason)


def test_the_share_sheet_shows_the_link_and_closes_by_keyboard(ana: Person, room: str) -> None:
    ana.part("share").click()
    expect(ana.part("share-link")).to_be_visible(timeout=PATIENCE_MS)
    ana.page.keyboard.press("Escape")
    expect(ana.part("share-link")).to_be_hidden(timeout=PATIENCE_MS)


def test_a_phone_shows_what_plays_one_button_and_the_chat(browser: Browser, room: str) -> None:
    phone = listener(browser, viewport={"width": 390, "height": 844})
    phone.open(room)
    expect(phone.part("listen")).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(phone.part("now-title")).to_be_in_viewport()
    phone.part("chat-toggle").click()
    phone.say("from a phone")
    phone.sees_message("from a phone")
    overflow = phone.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    phone.close()


def test_a_room_that_does_not_exist_says_what_to_do(browser: Browser, server: ServerProcess) -> None:
    lost = listener(browser)
    lost.open(f"{server.url}/r/nowhere-at-all")
    lost.sees_notice("missing")
    lost.close()


def test_an_ended_room_says_so(ana: Person, browser: Browser, server: ServerProcess) -> None:
    owner = server.token("owner")
    room = server.call("POST", "/v1/rooms", {"title": "Short night"}, token=owner)["room"]
    late = listener(browser)
    late.open(f"{server.url}/r/{room['slug']}")
    expect(late.part("chat-list")).to_be_visible(timeout=PATIENCE_MS)
    server.call("PATCH", f"/v1/rooms/{room['id']}", {"state": "ended"}, token=owner)
    late.sees_notice("ended")
    late.close()
