"""Everything by keyboard alone: nobody touches a mouse here, and the focus is always seen and never lost."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, Person
from e2e.places import House
from e2e.tabbing import round_trip, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def ben(browser: Browser, house: House) -> Iterator[Person]:
    """A listener with a keyboard."""
    context = house.context(browser, locale="en", viewport={"width": 1440, "height": 900})
    yield Person(context, context.new_page())
    context.close()


def test_a_listener_comes_in_listens_and_talks(ben: Person, house: House) -> None:
    ben.open(house.server.url)
    ben.part("room-link").first.wait_for()
    tab_to(ben.page, "room-link")
    ben.page.keyboard.press("Enter")
    ben.part("listen").wait_for()
    tab_to(ben.page, "listen")
    ben.page.keyboard.press("Enter")
    ben.hears()
    before = float(ben.page.get_by_role("slider", name="Volume").input_value())
    tab_to(ben.page, "volume")
    ben.page.keyboard.press("ArrowLeft")
    assert float(ben.page.get_by_role("slider", name="Volume").input_value()) < before
    ben.page.keyboard.press("Escape")
    tab_to(ben.page, "chat-input")
    ben.page.keyboard.type("by keyboard alone")
    ben.page.keyboard.press("Enter")
    ben.sees_message("by keyboard alone")


def test_the_first_stop_leads_over_everything_to_the_chat(ben: Person, house: House) -> None:
    ben.open(house.server.url + house.demo)
    ben.part("listen").wait_for()
    for name in ("Skip to the content", "Go to the chat"):
        ben.page.keyboard.press("Tab")
        expect(ben.page.get_by_role("link", name=name)).to_be_focused()
    ben.page.keyboard.press("Enter")
    expect(ben.part("chat-input")).to_be_focused()
    assert ben.page.url == house.server.url + house.demo


def test_a_dj_opens_a_room_and_plays(browser: Browser, house: House) -> None:
    context = house.context(browser, state=house.owner, locale="en", viewport={"width": 1440, "height": 900})
    ana = Person(context, context.new_page())
    ana.open(house.server.url)
    ana.part("create-room").wait_for()
    tab_to(ana.page, "room-title")
    ana.page.keyboard.type("Keys only")
    ana.page.keyboard.press("Enter")
    ana.part("library-add").first.wait_for()
    tab_to(ana.page, "library-add")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_test_id("queue-entry")).to_have_count(1)
    tab_to(ana.page, "play")
    ana.page.keyboard.press("Enter")
    ana.hears()
    tab_to(ana.page, "seek")
    before = ana.probe()["positionMs"]
    ana.page.keyboard.press("ArrowRight")
    ana.hears(f"p.positionMs > {before} + 3000")
    context.close()


def test_a_sheet_takes_the_focus_and_gives_it_back(ben: Person, house: House) -> None:
    ben.open(house.server.url)
    ben.part("room-link").first.wait_for()
    tab_to(ben.page, "name")
    ben.page.keyboard.press("Enter")
    expect(ben.part("account")).to_be_visible()
    tab_to(ben.page, "log-in")
    ben.page.keyboard.press("Enter")
    expect(ben.part("account-name")).to_be_focused()
    ben.page.get_by_role("button", name="Back").press("Enter")
    expect(ben.part("log-in")).to_be_focused()
    ben.page.keyboard.press("Escape")
    expect(ben.part("account")).to_be_hidden()
    expect(ben.part("name")).to_be_focused()


def test_what_plays_and_who_talks_is_said_to_who_cannot_see(ben: Person, house: House) -> None:
    ben.open(house.server.url + house.owned)
    expect(ben.part("announced")).to_contain_text("Now playing: ", timeout=PATIENCE_MS)
    live = ben.part("announced")
    assert live.get_attribute("role") == "status"
    title = ben.part("now-title").inner_text()
    expect(live).to_have_text(f"Now playing: {title}")


def test_with_forced_colours_the_focus_and_the_choices_are_seen(browser: Browser, house: House) -> None:
    context = house.context(browser, state=house.member, locale="en", forced_colors="active")
    page = context.new_page()
    page.goto(house.server.url)
    page.get_by_test_id("room-link").first.wait_for()
    page.get_by_test_id("name").click()
    page.get_by_test_id("account").wait_for()
    for stop in round_trip(page):
        assert stop["seen"], stop
    context.close()
