"""Puts into a fresh server what there is to look at."""

from typing import Any

from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, Person, dj, listener, open_room
from e2e.places import House
from servers import ServerProcess


def furnished(server: ServerProcess, browser: Browser) -> House:
    """The rooms and the people of a house, made through the page and the API."""
    owner = dj(browser, server)
    demo = path_of(owner.part("room-link").first.get_attribute("href") or "")
    owned = open_room(owner, "Friday night")
    owner.part("library-add").first.click()
    owner.part("play").click()
    owner.hears()
    owner.say("Welcome, everybody. Ask for anything.")
    owner.sees_message("Welcome, everybody. Ask for anything.")
    token = token_of(owner)
    ended = server.call("POST", "/v1/rooms", {"title": "Last week"}, token=token)["room"]
    server.call("PATCH", f"/v1/rooms/{ended['id']}", {"state": "ended"}, token=token)
    joining, open_one = (server.call("POST", "/v1/invitations", {}, token=token) for _ in range(2))
    house = House(
        server,
        demo=demo,
        owned=path_of(owned.removeprefix(server.url)),
        ended=f"/r/{ended['slug']}",
        invitation=open_one["path"],
        owner=owner.context.storage_state(),
        member=_member(server, browser, joining["path"]),
    )
    owner.close()
    return house


def token_of(person: Person) -> str:
    """The access token that somebody's page holds."""
    return person.page.evaluate("JSON.parse(localStorage.getItem('whatssound.session')).access")


def path_of(address: str) -> str:
    return "/" + address.lstrip("/")


def _member(server: ServerProcess, browser: Browser, invitation: str) -> Any:
    person = listener(browser)
    person.open(server.url + invitation)
    person.part("account-name").fill("Marisol")
    person.part("account-password").fill("a good long sentence")
    person.part("account-enter").click()
    expect(person.part("name")).to_have_text("Marisol", timeout=PATIENCE_MS)
    state = person.context.storage_state()
    person.close()
    return state
