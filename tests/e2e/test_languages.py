"""The page speaks what its reader does, and stays with what was chosen."""

import re

import pytest
from playwright.sync_api import Browser, expect

from e2e.places import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("locale", "spoken"), [("es", "es"), ("es-AR", "es-AR"), ("en-GB", "en-GB"), ("fr-FR", "en")])
def test_the_page_speaks_the_browser_s_language_if_it_can(
    browser: Browser, house: House, locale: str, spoken: str
) -> None:
    context = house.context(browser, locale=locale)
    page = context.new_page()
    page.goto(house.server.url)
    page.get_by_test_id("room-link").first.wait_for()
    expect(page.locator("html")).to_have_attribute("lang", spoken)
    context.close()


def test_another_language_is_chosen_in_the_account_and_stays(browser: Browser, house: House) -> None:
    context = house.context(browser, locale="en-US")
    page = context.new_page()
    page.goto(house.server.url + house.demo)
    page.get_by_test_id("listen").wait_for()
    page.get_by_test_id("name").click()
    page.get_by_test_id("language").get_by_text("Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_test_id("language")).to_contain_text("Idioma")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("listen")).to_contain_text("Escuchar")
    page.reload()
    expect(page.get_by_test_id("listen")).to_contain_text("Escuchar")
    context.close()


def test_figures_and_plurals_follow_the_language(browser: Browser, house: House) -> None:
    context = house.context(browser, state=house.member, locale="es-ES")
    page = context.new_page()
    page.goto(house.server.url + house.demo)
    page.get_by_test_id("listen").wait_for()
    expect(page.get_by_test_id("listeners")).to_have_text(re.compile(r"^\d+ oyentes?$"))
    page.get_by_test_id("name").click()
    expect(page.get_by_test_id("storage")).to_contain_text("0 MB de 10 GB de música")
    context.close()
