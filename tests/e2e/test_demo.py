"""`serve --demo`: a stranger opens the page and hears music two taps later; nobody leads, and it goes on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, Person, listener
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


LINES = """
(badge, ms) => {
  badge.lastChild.textContent = badge.textContent.replace(/[0-9]+/, ms);
  const words = document.createRange();
  words.selectNodeContents(badge.lastChild);
  return new Set([...words.getClientRects()].map(({ top }) => top)).size;
}
"""
"""On how many lines the badge's words stand, the figure being the widest."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("demo") / "data", "--demo") as running:
        yield running


@pytest.fixture
def cleo(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = listener(browser)
    person.open(server.url)
    yield person
    person.close()


def test_music_two_taps_after_the_link_and_no_form(cleo: Person) -> None:
    cleo.part("room-link").first.click()
    cleo.listen()
    cleo.hears()
    expect(cleo.part("sync")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_phone_says_on_one_line_how_well_it_is_in_step(
    browser: Browser, server: ServerProcess, language: str
) -> None:
    phone = listener(browser, locale=language, viewport={"width": 390, "height": 844})
    phone.open(server.url)
    phone.part("room-link").first.click()
    phone.listen()
    expect(phone.part("sync")).to_have_attribute("data-in-sync", "true", timeout=PATIENCE_MS)
    assert phone.part("sync").evaluate(LINES, "39") == 1
    phone.close()


def test_the_room_moves_on_by_itself_and_the_title_with_the_sound(cleo: Person) -> None:
    cleo.part("room-link").first.click()
    cleo.listen()
    cleo.hears()
    first = cleo.probe()["entryId"]
    title = cleo.part("now-title").inner_text()
    cleo.page.wait_for_function(
        "first => { const p = window.whatssound.probe(); return p.playing && p.entryId !== first; }",
        arg=first,
        timeout=90_000,
    )
    expect(cleo.part("now-title")).not_to_have_text(title)


def test_a_guest_may_choose_a_name_and_keeps_it(cleo: Person) -> None:
    cleo.part("room-link").first.click()
    cleo.listen()
    cleo.rename("Cleo")
    cleo.say("it is me")
    cleo.sees_message("it is me")
    cleo.page.reload()
    expect(cleo.part("name")).to_have_text("Cleo", timeout=PATIENCE_MS)


def test_who_asks_for_less_motion_sees_the_same_page(browser: Browser, server: ServerProcess) -> None:
    sizes = []
    for motion in ("no-preference", "reduce"):
        person = listener(browser, reduced_motion=motion)
        person.open(server.url)
        person.part("room-link").first.click()
        person.listen()
        person.hears()
        sizes.append(
            person.part("now-title").evaluate("title => [title.textContent, getComputedStyle(title).fontSize]")
        )
        person.close()
    usual, calm = (dict([size]) for size in sizes)
    for title in usual.keys() & calm.keys():
        assert calm[title] == usual[title]
