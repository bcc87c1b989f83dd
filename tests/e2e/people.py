"""What a DJ and a listener do on the page, in their words."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from servers import ServerProcess

PATIENCE_MS = 20_000

GOAL_MS = 15
"""A listener is bent until it is this close to where the room is."""
DJ_GOAL_MS = 25
"""The DJ's player is never bent, only started again when it begins badly; together they stay within 40 ms."""

SETTLED = """
async ([goalMs, readings, patienceMs]) => {
  const started = performance.now();
  const worst = [];
  for (let good = 0; good < readings; ) {
    await new Promise(requestAnimationFrame);
    const seen = window.whatssound?.probe();
    const within = seen && seen.playing && Math.abs(seen.errMs) <= goalMs;
    good = within ? good + 1 : 0;
    if (!within) worst.push(seen);
    if (performance.now() - started > patienceMs) throw new Error("not settled: " + JSON.stringify(worst.slice(-5)));
  }
  return { ...window.whatssound.probe(), tookMs: performance.now() - started };
}
"""
"""Resolves once so many frames in a row were within the goal; says what it saw when that never happens."""


@dataclass
class Person:
    """Somebody with a browser profile of their own and one page open."""

    context: BrowserContext
    page: Page

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def open(self, url: str) -> None:
        self.page.goto(url)

    def listen(self) -> None:
        self.part("listen").click()

    def say(self, text: str) -> None:
        self.part("chat-input").fill(text)
        self.part("chat-input").press("Enter")

    def sees_message(self, text: str) -> None:
        expect(self.part("chat-list").get_by_text(text, exact=True)).to_be_visible(timeout=PATIENCE_MS)

    def sees_title(self, title: str) -> None:
        expect(self.part("now-title")).to_have_text(title, timeout=PATIENCE_MS)

    def probe(self) -> dict[str, Any]:
        """What this page's player says of itself, all read in one turn of its loop."""
        return self.page.evaluate("window.whatssound.probe()")

    def hears(self, condition: str = "p.playing") -> None:
        """Wait until the probe `p` fulfils a JavaScript condition."""
        self.page.wait_for_function(
            f"() => {{ const p = window.whatssound?.probe(); return !!p && ({condition}); }}", timeout=PATIENCE_MS
        )

    def settle(self, *, goal_ms: float = GOAL_MS, readings: int = 30) -> dict[str, Any]:
        """Wait until this player has stayed within `goal_ms` of where the room is."""
        return self.page.evaluate(SETTLED, [goal_ms, readings, PATIENCE_MS])

    def listen_if_silent(self) -> None:
        """Tap "listen" unless music already sounds here."""
        button = self.part("listen")
        if button.is_visible():
            button.click()

    def rename(self, name: str) -> None:
        """Choose another name, and wait until it is taken."""
        self.part("name").click()
        self.part("name-input").fill(name)
        self.part("name-input").press("Enter")
        self.page.keyboard.press("Escape")
        expect(self.part("name")).to_have_text(name, timeout=PATIENCE_MS)

    def ban(self, message: str) -> None:
        """Ban whoever wrote `message`, from the chat line's own menu."""
        line = self.part("chat-line").filter(has_text=message)
        line.hover()
        line.get_by_role("button", name="What to do").click()
        line.get_by_role("button", name="Ban", exact=True).click()

    def sees_notice(self, state: str) -> None:
        """A whole page says what happened."""
        expect(self.part("notice")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def close(self) -> None:
        self.context.close()


def listener(browser: Browser, **options: Any) -> Person:
    """Somebody who just got a link."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    context.set_default_timeout(PATIENCE_MS)
    return Person(context, context.new_page())


def dj(browser: Browser, server: ServerProcess) -> Person:
    """The server's owner, signed in by a one-time link."""
    person = listener(browser)
    assert server.owner_code is not None
    person.open(f"{server.url}/#owner={server.owner_code}")
    expect(person.part("create-room")).to_be_visible(timeout=PATIENCE_MS)
    return person


def open_room(person: Person, title: str) -> str:
    """Open a room from the home page; its address."""
    person.part("room-title").fill(title)
    person.part("create-room").click()
    person.page.wait_for_url("**/r/**", timeout=PATIENCE_MS)
    return person.page.url


def upload(person: Person, *files: Path) -> None:
    """Put files into the library through the page."""
    person.part("upload-input").set_input_files([str(f) for f in files])


def queue(person: Person, title: str) -> None:
    """Add the track to the queue as soon as the library shows it, and wait until it is there."""
    rows = person.page.locator("[data-testid=upload], [data-testid=library-track]").filter(has_text=title)
    rows.first.get_by_test_id("library-add").click()
    expect(person.part("queue").get_by_text(title).first).to_be_visible(timeout=PATIENCE_MS)


def apart_ms(one: dict[str, Any], other: dict[str, Any]) -> float:
    """How far two players are apart: each position taken together with the server's time."""
    assert one["entryId"] == other["entryId"], json.dumps([one, other])
    return (one["positionMs"] - one["serverNowMs"]) - (other["positionMs"] - other["serverNowMs"])
