"""A page on a LAN address over plain http is not a secure context; the main job works there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from e2e.people import Person, dj, listener, open_room, queue, upload
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("lan") / "data", name="laptop.test") as running:
        yield running


def test_the_main_job_works_without_a_secure_context(
    browser: Browser, laptop: ServerProcess, songs: list[Path]
) -> None:
    ana = dj(browser, laptop)
    address = open_room(ana, "Kitchen party")
    assert address.startswith("http://laptop.test:")
    assert not ana.page.evaluate("window.isSecureContext")
    upload(ana, songs[0])
    queue(ana, songs[0].stem)
    ana.part("play").click()
    ana.hears()
    ben = listener(browser)
    ben.open(address)
    ben.listen()
    ben.hears()
    both_talk(ana, ben)
    ben.settle()
    ben.close()
    ana.close()


def both_talk(ana: Person, ben: Person) -> None:
    ben.say("can you hear it too?")
    ana.sees_message("can you hear it too?")
    ana.say("same second")
    ben.sees_message("same second")
