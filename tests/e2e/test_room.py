"""A DJ and a listener, each in a browser of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import DJ_GOAL_MS, GOAL_MS, Person, apart_ms, dj, listener, open_room, queue, upload
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

APART_MS = 40
"""How far two browsers may be apart, by the positions that both pages report together with the server's time."""


@pytest.fixture(scope="module")
def ana(browser: Browser, server: ServerProcess) -> Iterator[Person]:
    person = dj(browser, server)
    yield person
    person.close()


@pytest.fixture(scope="module")
def room(ana: Person, songs: list[Path]) -> str:
    """A room with three tracks in its queue, opened and filled through the page."""
    address = open_room(ana, "Friday night")
    upload(ana, *songs)
    for song in songs:
        queue(ana, song.stem)
    return address


@pytest.fixture
def ben(browser: Browser, room: str) -> Iterator[Person]:
    person = listener(browser)
    person.open(room)
    yield person
    person.close()


def test_the_listener_hears_what_the_dj_plays_and_follows(ana: Person, ben: Person) -> None:
    ana.listen()
    ana.part("play").click()
    ben.listen()
    ana.hears()
    ben.hears()
    ben.sees_title("First light")

    ana.part("pause").click()
    ben.hears("!p.playing")
    ana.part("play").click()
    ben.hears()

    seek(ana, to_fraction=0.5)
    ben.hears("p.positionMs > 29000")

    ana.part("skip").click()
    ben.sees_title("Second wind")
    ana.sees_title("Second wind")


def test_both_are_in_sync_after_a_join_and_after_a_seek(ana: Person, ben: Person) -> None:
    ensure_playing(ana)
    ben.listen()
    ben.settle(goal_ms=GOAL_MS)
    assert abs(apart_ms(ana.probe(), ben.probe())) <= APART_MS
    seek(ana, to_fraction=0.2)
    ben.hears("p.positionMs < 25000")
    ben.settle(goal_ms=GOAL_MS)
    ana.settle(goal_ms=DJ_GOAL_MS)
    assert abs(apart_ms(ana.probe(), ben.probe())) <= APART_MS


def test_they_talk_to_each_other(ana: Person, ben: Person) -> None:
    ben.say("hello from the listener")
    ana.sees_message("hello from the listener")
    ana.say("hello from the DJ")
    ben.sees_message("hello from the DJ")


def test_who_comes_later_reads_what_was_said(ana: Person, ben: Person, browser: Browser, room: str) -> None:
    ben.say("said before Cleo came")
    ana.sees_message("said before Cleo came")
    cleo = listener(browser)
    cleo.open(room)
    cleo.sees_message("said before Cleo came")
    cleo.close()


def test_a_new_name_is_what_others_see_from_the_next_line_on(ana: Person, ben: Person) -> None:
    ben.rename("Benedikt")
    ben.say("call me by my full name")
    ana.sees_message("call me by my full name")
    expect(ana.part("chat-line").filter(has_text="call me by my full name")).to_contain_text("Benedikt")


def test_a_banned_listener_is_told_and_stays_out(ana: Person, ben: Person) -> None:
    ben.say("something rude")
    ana.sees_message("something rude")
    ana.ban("something rude")
    ben.sees_notice("banned")
    ben.page.reload()
    ben.sees_notice("banned")


def ensure_playing(person: Person) -> None:
    person.listen_if_silent()
    if person.part("play").is_visible():  # what the room does; between two tracks its player may be silent all the same
        person.part("play").click()
    person.hears()


def seek(person: Person, *, to_fraction: float) -> None:
    """Click into the waveform."""
    slider = person.part("seek")
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": box["width"] * to_fraction, "y": box["height"] / 2})
