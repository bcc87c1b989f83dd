"""A DJ and two listeners hear the same moment, whatever the room goes through."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import DJ_GOAL_MS, GOAL_MS, PATIENCE_MS, Person, apart_ms, dj, listener, open_room, queue, upload
from music import make_wav
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

APART_MS = 40
CHANGE_MS = 60_000
"""The first track is over by then."""


@pytest.fixture(scope="module")
def short_songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("short")
    return [
        make_wav(folder / "Opener.wav", seconds=30, pitch_hz=196),
        make_wav(folder / "Middle.wav", seconds=60, pitch_hz=247),
        make_wav(folder / "Closer.wav", seconds=60, pitch_hz=294),
    ]


@pytest.fixture(scope="module")
def crowd(browser: Browser, server: ServerProcess, short_songs: list[Path]) -> Iterator[tuple[Person, Person, Person]]:
    ana = dj(browser, server)
    address = open_room(ana, "Three of us")
    upload(ana, *short_songs)
    for song in short_songs:
        queue(ana, song.stem)
    ana.part("play").click()
    others = [listener(browser), listener(browser)]
    for person in others:
        person.open(address)
        person.listen()
    yield ana, others[0], others[1]
    for person in (ana, *others):
        person.close()


def test_three_people_stay_together_over_a_track_change_and_a_skip(crowd: tuple[Person, Person, Person]) -> None:
    for title in ("Opener", "Middle"):
        for person in crowd:
            expect(person.part("now-title")).to_have_text(title, timeout=CHANGE_MS)
        all_are_together(crowd)
    crowd[0].part("skip").click()
    for person in crowd:
        person.sees_title("Closer")
    all_are_together(crowd)


def all_are_together(crowd: tuple[Person, Person, Person]) -> None:
    ana, *others = crowd
    ana.settle(goal_ms=DJ_GOAL_MS)
    for person in others:
        person.settle(goal_ms=GOAL_MS)
    seen = [person.probe() for person in crowd]
    for one, other in combinations(seen, 2):
        assert abs(apart_ms(one, other)) <= APART_MS


def test_a_duplicated_tab_of_the_dj_does_not_lead_and_a_reloaded_one_plays_on(
    crowd: tuple[Person, Person, Person],
) -> None:
    ana, *_ = crowd
    with ana.context.expect_page() as opening:
        ana.page.evaluate("() => { window.open(location.href); }")
    copy = opening.value
    copy.get_by_test_id("pause").wait_for()
    assert not copy.evaluate("window.whatssound.probe()")["playing"]
    copy.close()
    ana.page.reload()
    ana.page.wait_for_function(
        "() => window.whatssound?.probe()?.playing || document.querySelector('[data-testid=listen]')",
        timeout=PATIENCE_MS,
    )
    ana.listen_if_silent()
    ana.hears()
