"""Every page and sheet, and how to get there: what the tests of languages, keyboards and axe walk through."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, Route

from e2e.people import PATIENCE_MS
from servers import ServerProcess


@dataclass(frozen=True)
class House:
    """One server with a demo room, a room of the owner's that plays, one that has ended, and an open invitation."""

    server: ServerProcess
    demo: str
    """Path of the demo room."""
    owned: str
    ended: str
    invitation: str
    owner: dict[str, Any]
    """The owner's browser, as Playwright keeps one: a context made with it is signed in."""
    member: dict[str, Any]
    """A registered person's."""

    def context(self, browser: Browser, *, state: dict[str, Any] | None = None, **options: Any) -> BrowserContext:
        """A browser profile, calm and patient."""
        context = browser.new_context(storage_state=state, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        return context


@dataclass(frozen=True)
class Place:
    """Somewhere on the page: `go` opens it and returns when it is there."""

    name: str
    go: Callable[[Page, House], None]
    who: str = "nobody"
    """`nobody`, `member` or `owner`."""


def _shown(page: Page, *test_ids: str) -> None:
    for test_id in test_ids:
        page.get_by_test_id(test_id).first.wait_for()


def _open(page: Page, house: House, path: str, *test_ids: str) -> None:
    page.goto(house.server.url + path)
    _shown(page, *test_ids)


@contextmanager
def answering(page: Page, pattern: str, status: int, body: object) -> Iterator[None]:
    """While this lasts, the server seems to answer `pattern` so; 0 is no answer at all."""

    def answer(route: Route) -> None:
        if status == 0:
            route.abort()
        else:
            route.fulfill(status=status, json=body)

    page.route(pattern, answer)
    yield
    page.unroute(pattern)


def _home(page: Page, house: House) -> None:
    _open(page, house, "/", "room-link")


def _empty_home(page: Page, house: House) -> None:
    with answering(page, "**/v1/rooms", 200, {"rooms": []}):
        page.goto(house.server.url)
        page.locator("h1.display").wait_for()


def _failed_home(page: Page, house: House) -> None:
    with answering(page, "**/v1/rooms", 0, None):
        page.goto(house.server.url)
        page.get_by_role("alert").wait_for()


def _owners_home(page: Page, house: House) -> None:
    _open(page, house, "/", "create-room")


def _refused_room(code: str, status: int, **details: int) -> Callable[[Page, House], None]:
    def go(page: Page, house: House) -> None:
        with answering(page, "**/v1/rooms/*", status, {"code": code, "message": "No.", "details": details}):
            _open(page, house, house.demo, "notice")

    return go


def _room(page: Page, house: House) -> None:
    _open(page, house, house.demo, "listen", "now-title")


def _chat(page: Page, house: House) -> None:
    _open(page, house, house.owned, "now-title")
    toggle = page.get_by_test_id("chat-toggle")
    if toggle.is_visible():
        toggle.click()
    _shown(page, "chat-line")


def _console(page: Page, house: House) -> None:
    _open(page, house, house.owned, "seek", "library-track")


def _sheet_of_console(name: str, *test_ids: str) -> Callable[[Page, House], None]:
    def go(page: Page, house: House) -> None:
        _console(page, house)
        page.get_by_test_id(name).first.click()
        page.get_by_role("dialog").wait_for()
        _shown(page, *test_ids)

    return go


def _album(page: Page, house: House) -> None:
    _console(page, house)
    page.get_by_test_id("library-albums").click()
    page.get_by_test_id("library-album").first.get_by_role("button").first.click()
    _shown(page, "library-back", "library-track")


def _alone(page: Page, house: House) -> None:
    _console(page, house)
    page.get_by_test_id("cue").nth(1).click()  # the first is on air, and what comes on air is heard alone no more
    page.locator("[data-testid=cue-bar][data-state=playing]").wait_for()


def _next(page: Page, house: House) -> None:
    _open(page, house, house.owned, "now-title")
    toggle = page.get_by_test_id("chat-toggle")
    if toggle.is_visible():
        toggle.click()
    page.get_by_test_id("next").click()
    _shown(page, "played")


def _played(page: Page, house: House) -> None:
    _next(page, house)
    page.get_by_test_id("played").click()
    _shown(page, "set-play")


def _account(*steps: str) -> Callable[[Page, House], None]:
    def go(page: Page, house: House) -> None:
        _home(page, house)
        page.get_by_test_id("name").click()
        _shown(page, "account")
        for step in steps:
            page.get_by_test_id(step).click()

    return go


def _invited(page: Page, house: House) -> None:
    _open(page, house, house.invitation, "invitation-page")


PLACES: Final = (
    Place("home", _home),
    Place("home without rooms", _empty_home),
    Place("home without a server", _failed_home),
    Place("the owner's home", _owners_home, "owner"),
    Place("room", _room),
    Place("chat", _chat),
    Place("what comes next", _next),
    Place("what has played", _played),
    Place("room that has ended", lambda page, house: _open(page, house, house.ended, "notice")),
    Place("room that is not there", lambda page, house: _open(page, house, "/r/nowhere", "notice")),
    Place("room one is banned from", _refused_room("banned", 403)),
    Place("room one's network is banned from", _refused_room("banned", 403, until_ms=1_800_000_000_000)),
    Place("room one was sent out of", _refused_room("kicked", 403)),
    Place("console", _console, "owner"),
    Place("the set", _sheet_of_console("set-open", "set-play"), "owner"),
    Place("saved queues", _sheet_of_console("saved-open", "saved"), "owner"),
    Place("an album", _album, "owner"),
    Place("hearing alone", _alone, "owner"),
    Place("library status", _sheet_of_console("library-status", "status-tracks"), "owner"),
    Place("a track", _sheet_of_console("track-open"), "owner"),
    Place("share sheet", _sheet_of_console("share", "share-link"), "owner"),
    Place("settings sheet", _sheet_of_console("settings"), "owner"),
    Place("account of nobody", _account()),
    Place("logging in", _account("log-in")),
    Place("account of a member", _account(), "member"),
    Place("changing the password", _account("password"), "member"),
    Place("leaving", _account("leave"), "member"),
    Place("account of the owner", _account(), "owner"),
    Place("inviting", _account("invite"), "owner"),
    Place("an invitation made", _account("invite", "invite-make"), "owner"),
    Place("invitation", _invited),
    Place("invitation of a member", _invited, "member"),
    Place("invitation that is used up", lambda page, house: _open(page, house, "/#invite=used", "notice")),
    Place("music in public", lambda page, house: _open(page, house, "/about-music", "about-music")),
    Place("no connection at all", lambda page, house: _open_plain(page, house, "/offline.html")),
)
"""In the order in which people meet them."""


def _open_plain(page: Page, house: House, path: str) -> None:
    page.goto(house.server.url + path)
    page.locator("main:not([hidden])").wait_for()
