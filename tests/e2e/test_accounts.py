"""Accounts through the page: keeping a name, coming back to it, inviting others, leaving."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, Person, dj, listener, open_room
from e2e.places import House
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, demo_data: Path) -> Iterator[ServerProcess]:
    data = shutil.copytree(demo_data, tmp_path_factory.mktemp("accounts") / "data")
    with ServerProcess(data, "--demo", environment={"WHATSSOUND_MAY_REGISTER": "anyone"}) as running:
        yield running


@pytest.fixture(scope="module")
def ana(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = dj(browser, server)
    yield person
    person.close()


@pytest.fixture
def ben(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = listener(browser, locale="en")
    person.open(server.url)
    person.part("room-link").first.wait_for()
    yield person
    person.close()


def open_account(person: Person, *steps: str) -> None:
    person.part("name").click()
    expect(person.part("account")).to_be_visible()
    for step in steps:
        person.part(step).click()


def enter(person: Person, password: str, *, name: str | None = None) -> None:
    if name is not None:
        person.part("account-name").fill(name)
    person.part("account-password").fill(password)
    person.part("account-enter").click()


def test_a_guest_keeps_the_name_and_comes_back_from_another_browser(
    browser: Browser, server: ServerProcess, ben: Person
) -> None:
    ben.part("room-link").first.click()
    ben.listen()
    ben.hears()
    ben.rename("Benedikt")
    ben.say("said as a guest")
    ben.sees_message("said as a guest")
    open_account(ben, "keep-name")
    enter(ben, PASSWORD)
    expect(ben.part("password")).to_be_visible()
    ben.page.keyboard.press("Escape")
    # The same person: what was said before is theirs, and the music has not stopped.
    ben.hears()
    line = ben.part("chat-line").filter(has_text="said as a guest")
    line.hover()
    line.get_by_role("button", name="What to do").click()
    expect(line.get_by_role("button", name="Edit", exact=True)).to_be_visible()

    phone = listener(browser, locale="es", viewport={"width": 390, "height": 844})
    phone.open(server.url)
    open_account(phone, "log-in")
    enter(phone, "not the password", name="Benedikt")
    expect(phone.part("refused")).to_contain_text("no coinciden")
    enter(phone, PASSWORD)
    phone.page.keyboard.press("Escape")
    expect(phone.part("name")).to_have_text("Benedikt")
    phone.close()


def test_a_name_that_somebody_has_is_refused_with_one_that_is_free(browser: Browser, ben: Person) -> None:
    open_account(ben, "keep-name")
    enter(ben, PASSWORD, name="Cleo")
    expect(ben.part("password")).to_be_visible()
    other = listener(browser, locale="en")
    other.open(ben.page.url)
    open_account(other, "keep-name")
    enter(other, PASSWORD, name="Cleo")
    expect(other.part("refused")).to_contain_text("is free")
    other.close()


def test_a_password_that_everybody_tries_is_refused_in_words(ben: Person) -> None:
    open_account(ben, "keep-name")
    enter(ben, "password123", name="Dora")
    expect(ben.part("refused")).to_contain_text("Choose another password")


def test_the_password_is_changed_and_the_page_goes_on(browser: Browser, server: ServerProcess, ben: Person) -> None:
    open_account(ben, "keep-name")
    enter(ben, PASSWORD, name="Emil")
    ben.part("password").click()
    ben.part("password-old").fill("something else")
    ben.part("password-new").fill("a new long password")
    ben.part("password-save").click()
    expect(ben.part("refused")).to_contain_text("not your present password")
    ben.part("password-old").fill(PASSWORD)
    ben.part("password-save").click()
    expect(ben.part("log-out")).to_be_visible()
    ben.page.reload()
    expect(ben.part("name")).to_have_text("Emil")
    ben.part("name").click()
    ben.part("log-out").click()
    expect(ben.part("name")).to_have_text("Log in", timeout=PATIENCE_MS)
    open_account(ben, "log-in")
    enter(ben, "a new long password", name="Emil")
    ben.page.keyboard.press("Escape")
    expect(ben.part("name")).to_have_text("Emil")


def test_an_account_is_deleted_for_good(ben: Person) -> None:
    open_account(ben, "keep-name")
    enter(ben, PASSWORD, name="Fini")
    ben.part("leave").click()
    ben.part("account-password").fill("wrong again")
    ben.part("leave-now").click()
    expect(ben.part("refused")).to_be_visible()
    ben.part("account-password").fill(PASSWORD)
    ben.part("leave-now").click()
    expect(ben.part("name")).to_have_text("Log in", timeout=PATIENCE_MS)
    open_account(ben, "log-in")
    enter(ben, PASSWORD, name="Fini")
    expect(ben.part("refused")).to_be_visible()


def test_an_invitation_lets_one_person_in_who_may_open_rooms(
    browser: Browser, server: ServerProcess, ana: Person
) -> None:
    open_account(ana, "invite", "invite-make")
    link = ana.part("share-link").input_value()
    expect(ana.part("only-here")).to_be_visible()
    assert link.startswith(f"{server.url}/#invite=")
    gus = listener(browser, locale="es")
    gus.open(link)
    expect(gus.page.get_by_role("heading", level=1)).to_contain_text("te invita")
    enter(gus, PASSWORD, name="Gus")
    expect(gus.part("create-room")).to_be_visible()
    assert "invite" not in gus.page.url
    open_room(gus, "La sala de Gus")
    expect(gus.part("share")).to_be_visible()

    late = listener(browser, locale="en")
    late.open(link)
    late.sees_notice("invitation-gone")
    late.close()
    gus.close()
    ana.page.keyboard.press("Escape")


def test_an_invitation_that_is_taken_back_leads_nowhere(browser: Browser, ana: Person) -> None:
    open_account(ana, "invite", "invite-make")
    link = ana.part("share-link").input_value()
    row = ana.part("invitation").first
    row.get_by_role("button").click()
    row.get_by_role("button").click()
    expect(ana.part("share-link")).to_be_hidden()
    ana.page.keyboard.press("Escape")
    late = listener(browser, locale="en")
    late.open(link)
    late.sees_notice("invitation-gone")
    late.close()


def test_who_has_an_account_just_accepts(browser: Browser, ana: Person, ben: Person) -> None:
    open_account(ben, "keep-name")
    enter(ben, PASSWORD, name="Hedda")
    ben.page.keyboard.press("Escape")
    expect(ben.part("create-room")).to_be_hidden()
    open_account(ana, "invite", "invite-make")
    link = ana.part("share-link").input_value()
    ana.page.keyboard.press("Escape")
    ben.open(link)
    expect(ben.part("account-password")).to_be_hidden()
    ben.part("account-enter").click()
    expect(ben.part("create-room")).to_be_visible()


def test_the_owner_is_told_to_set_a_password_and_comes_back_with_it(
    browser: Browser, server: ServerProcess, ana: Person
) -> None:
    ana.open(server.url)
    open_account(ana)
    ana.part("account").get_by_role("button", name="Set a password").click()
    ana.part("password-new").fill(PASSWORD)
    ana.part("password-save").click()
    name = ana.part("name-input").input_value()
    ana.page.keyboard.press("Escape")
    elsewhere = listener(browser, locale="en")
    elsewhere.open(server.url)
    open_account(elsewhere, "log-in")
    enter(elsewhere, PASSWORD, name=name)
    elsewhere.page.keyboard.press("Escape")
    expect(elsewhere.part("create-room")).to_be_visible()
    elsewhere.close()


def test_the_notice_to_the_owner_makes_way_for_the_sheet_that_offers_the_same(browser: Browser, house: House) -> None:
    context = house.context(browser, state=house.owner, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(house.server.url)
    notice = page.get_by_role("status").get_by_text("This server is yours.")
    expect(notice).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("name").click()
    expect(page.get_by_test_id("account")).to_be_visible()
    assert notice.count() == 0  # later it would be gone anyway
    context.close()
