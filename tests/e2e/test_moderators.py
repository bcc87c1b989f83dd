"""The DJ makes a listener a moderator, who keeps order until the DJ says otherwise."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from e2e.people import PATIENCE_MS, Person, dj, listener, open_room
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ana(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = dj(browser, server)
    yield person
    person.close()


@pytest.fixture(scope="module")
def room(ana: Person) -> str:
    return open_room(ana, "House rules")


def come_in(browser: Browser, room: str, words: str) -> Person:
    person = listener(browser, locale="en")
    person.open(room)
    person.say(words)
    person.sees_message(words)
    return person


def menu(person: Person, words: str) -> Locator:
    """The chat line with these words, its choices open."""
    person.sees_message(words)
    line = person.part("chat-line").filter(has_text=words)
    line.hover()
    line.get_by_role("button", name="What to do").click()
    return line


def test_a_moderator_keeps_order_until_dismissed(browser: Browser, ana: Person, room: str) -> None:
    ben = come_in(browser, room, "I could help")
    cleo = come_in(browser, room, "buy cheap tickets")
    menu(ana, "I could help").get_by_role("button", name="Make moderator").click()
    for person in (ana, ben, cleo):
        badge = person.part("chat-line").filter(has_text="I could help").get_by_test_id("moderator")
        expect(badge).to_be_visible(timeout=PATIENCE_MS)

    line = menu(ben, "buy cheap tickets")
    expect(line.get_by_role("button", name="Make moderator")).to_be_hidden()
    line.get_by_role("button", name="Send out").click()
    cleo.sees_notice("kicked")

    menu(ana, "I could help").get_by_role("button", name="No longer moderator").click()
    expect(ben.part("moderator")).to_have_count(0, timeout=PATIENCE_MS)
    line = menu(ben, "buy cheap tickets")
    expect(line.get_by_role("button", name="Reply")).to_be_visible()
    expect(line.get_by_role("button", name="Send out")).to_be_hidden()
    cleo.close()
    ben.close()


def test_a_new_guest_from_where_somebody_was_banned_is_told_why_and_what_to_do(
    browser: Browser, ana: Person, room: str
) -> None:
    dora = come_in(browser, room, "something rude")
    ana.ban("something rude")
    dora.sees_notice("banned")
    dora.close()
    again = listener(browser, locale="en")
    again.open(room)
    again.sees_notice("banned")
    expect(again.part("notice")).to_contain_text("Somebody on your network")
    again.close()
