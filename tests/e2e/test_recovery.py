"""The server dies and comes back: nobody touches anything, everything goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import DJ_GOAL_MS, GOAL_MS, apart_ms, dj, listener, open_room, queue, upload
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

APART_MS = 40
BACK_MS = 60_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as running:
        yield running


def test_both_recover_by_themselves_when_the_server_is_killed(
    browser: Browser, server: ServerProcess, songs: list[Path]
) -> None:
    ana = dj(browser, server)
    address = open_room(ana, "Storm night")
    upload(ana, *songs)
    for song in songs:
        queue(ana, song.stem)
    ana.listen_if_silent()
    ana.part("play").click()
    ben = listener(browser)
    ben.open(address)
    ben.listen()
    ben.hears()
    ben.say("before the storm")
    ana.sees_message("before the storm")

    server.kill()
    expect(ben.part("reconnecting")).to_be_visible(timeout=BACK_MS)
    ben.say("typed in the dark")
    server.start()

    expect(ben.part("reconnecting")).to_be_hidden(timeout=BACK_MS)
    expect(ana.part("reconnecting")).to_be_hidden(timeout=BACK_MS)
    ana.sees_message("typed in the dark")
    ben.sees_message("before the storm")
    ana.say("after the storm")
    ben.sees_message("after the storm")
    ana.hears()
    ben.hears()
    ana.settle(goal_ms=DJ_GOAL_MS)
    ben.settle(goal_ms=GOAL_MS)
    assert abs(apart_ms(ana.probe(), ben.probe())) <= APART_MS
    ben.close()
    ana.close()


def test_the_room_is_as_it_was_after_a_restart_in_which_nobody_was_there(
    browser: Browser, server: ServerProcess, songs: list[Path]
) -> None:
    ana = dj(browser, server)
    address = open_room(ana, "Quiet night")
    upload(ana, *songs[1:])
    queue(ana, songs[1].stem)
    queue(ana, songs[2].stem)
    ana.part("play").click()
    ana.hears()
    ana.part("pause").click()
    ana.hears("!p.playing")
    ana.close()
    assert server.stop() == 0
    server.start()
    ben = listener(browser)
    ben.open(address)
    ben.sees_title(songs[1].stem)
    expect(ben.part("next")).to_contain_text(songs[2].stem)
    ben.close()
