"""Every page and sheet, in both languages: axe finds nothing serious, no English is left in Spanish, the tab key goes
round and one sees where it is, and nothing is cut off when everything is twice as large."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from e2e.places import PLACES, House, Place
from e2e.tabbing import round_trip
from e2e.texts import ENGLISH, ONLY_ENGLISH, SPANISH, english_on

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AXE: Final = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
SCHEMES: Final = {"dark": None, "light": ["color-contrast"]}
"""What axe looks at: in the second light only what light can change."""
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESK: Final[ViewportSize] = {"width": 1440, "height": 900}
TWICE_AS_LARGE: Final[ViewportSize] = {"width": 720, "height": 450}

RUN: Final = """
async (rules) => {
  const options = { resultTypes: ["violations"], ...(rules === null ? {} : { runOnly: rules }) };
  const found = await axe.run(document, options);
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html + " " + node.failureSummary).join(" | ")}`);
}
"""


@dataclass(frozen=True)
class Spot:
    """A place that is open."""

    place: Place
    language: str
    page: Page


@pytest.fixture(scope="module")
def pages(browser: Browser, house: House) -> Iterator[dict[tuple[str, str], Page]]:
    """A page for each kind of person in each language."""
    states = {"nobody": None, "member": house.member, "owner": house.owner}
    contexts = {
        (who, language): house.context(browser, state=state, locale=language, bypass_csp=True)
        for who, state in states.items()
        for language in ("en", "es-MX")
    }
    yield {key: context.new_page() for key, context in contexts.items()}
    for context in contexts.values():
        context.close()


@pytest.fixture(
    scope="module",
    params=[(language, place) for language in ("en", "es-MX") for place in PLACES],
    ids=lambda spot: f"{spot[1].name}, {spot[0]}",
)
def spot(request: pytest.FixtureRequest, pages: dict[tuple[str, str], Page], house: House) -> Spot:
    """One place after the other; what follows looks at it from all sides before the next is opened."""
    language, place = request.param
    page = pages[place.who, language]
    page.set_viewport_size(DESK)
    place.go(page, house)
    return Spot(place, language, page)


def test_the_tab_key_goes_round_and_one_sees_where_it_is(spot: Spot) -> None:
    sheet = spot.page.locator("dialog[open]").count() > 0
    stops = round_trip(spot.page)
    assert stops, "nothing can be reached"
    assert [stop for stop in stops if not stop["seen"]] == []
    assert [stop for stop in stops if not stop["name"]] == []
    if sheet:
        assert all(stop["inside"] for stop in stops), "the focus leaves the open sheet"


def test_no_english_is_left_in_spanish(spot: Spot) -> None:
    assert spot.page.locator("html").get_attribute("lang") in (spot.language, "es")
    if spot.language != "en":
        assert english_on(spot.page) == []


def test_axe_finds_nothing_serious(spot: Spot) -> None:
    spot.page.add_script_tag(path=AXE)
    for size in (DESK, PHONE):
        spot.page.set_viewport_size(size)
        for scheme, rules in SCHEMES.items():
            spot.page.emulate_media(color_scheme=scheme)
            found = spot.page.evaluate(RUN, rules)
            assert not found, f"{scheme} at {size['width']}: " + "\n".join(found)


def test_twice_as_large_nothing_is_cut_off(spot: Spot) -> None:
    spot.page.set_viewport_size(TWICE_AS_LARGE)
    assert spot.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_what_is_wrong_would_be_found(pages: dict[tuple[str, str], Page], house: House) -> None:
    page = pages["nobody", "en"]
    page.goto(house.server.url)
    page.set_content("<html lang=en><main style='background:#fff;color:#ddd'>Show more <button></button></main>")
    page.add_script_tag(path=AXE)
    found = " ".join(page.evaluate(RUN, None))
    assert "color-contrast" in found
    assert "button-name" in found
    assert english_on(page) == ["Show more"]


def test_there_are_texts_to_compare() -> None:
    assert len(ONLY_ENGLISH) > 250
    assert ENGLISH.keys() == SPANISH.keys()
