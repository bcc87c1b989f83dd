"""The tab key: where it goes, and whether one sees it."""

from typing import Any, Final

from playwright.sync_api import Page

MOST_STOPS: Final = 120
"""More than any page has places for the tab key."""

FOCUSED: Final = """
() => {
  const here = document.activeElement;
  if (here === null || here === document.body) return null;
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = "var(--accent)";
  const accent = getComputedStyle(probe).color;
  probe.remove();
  const around = here.closest("form") ?? here;
  const box = here.getBoundingClientRect();
  const outlined = element => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== "none" && outlineWidth !== "0px";
  };
  // Two fields are text on a line, and the line takes the accent.
  const marked = (element, edge) => {
    const style = getComputedStyle(element);
    return parseFloat(style[edge + "Width"]) > 0 && style[edge + "Color"] === accent;
  };
  return {
    id: here.dataset.testid ?? "",
    name: (here.getAttribute("aria-label") ?? here.labels?.[0]?.textContent ?? here.textContent).trim(),
    seen: outlined(here) || outlined(around) || marked(here, "borderBottom") || marked(around, "borderTop"),
    inside: here.closest("dialog") !== null,
    onScreen: box.bottom > 0 && box.top < innerHeight && box.width > 0,
  };
}
"""


def focused(page: Page) -> dict[str, Any] | None:
    """What has the focus, and whether one sees it; None when nothing has."""
    return page.evaluate(FOCUSED)


def tab_to(page: Page, test_id: str) -> None:
    """Press Tab until the element has the focus; fails when the tab key never comes there."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here = focused(page)
        if here is not None and here["id"] == test_id:
            assert here["onScreen"], f"{test_id} has the focus outside of the screen"
            return
    raise AssertionError(f"the tab key never comes to {test_id}")


def round_trip(page: Page) -> list[dict[str, Any]]:
    """Every stop of the tab key, from the beginning of the page until it begins again.

    A sheet with one stop only has the focus there already: the first press leaves it, the next comes back.
    """
    stops: list[dict[str, Any]] = []
    for press in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here = focused(page)
        if here is not None:
            stops.append(here)
        elif press > 0:
            return stops
    raise AssertionError(f"the tab key never leaves the page: {[stop['id'] or stop['name'] for stop in stops[-8:]]}")
