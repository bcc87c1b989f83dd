"""A whole evening behind a real nginx under `/music/`: the owner's link, an upload, the share link, sound, talk."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from e2e.people import PATIENCE_MS, dj, listener, open_room, queue, upload
from proxies import behind
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with behind("nginx", tmp_path_factory.mktemp("nginx")) as running:
        yield running


def test_a_guest_comes_by_the_share_link_hears_and_talks(
    browser: Browser, proxied: ServerProcess, songs: list[Path]
) -> None:
    ana = dj(browser, proxied)
    address = open_room(ana, "Under a path")
    assert address.startswith(f"{proxied.url}/r/")
    upload(ana, songs[0])
    queue(ana, songs[0].stem)
    ana.part("play").click()
    ana.hears()
    ana.part("share").click()
    expect(ana.part("share-link")).to_be_visible(timeout=PATIENCE_MS)
    link = ana.part("share-link").input_value()
    assert re.fullmatch(rf"{re.escape(proxied.url)}/r/[\w-]+", link)
    ana.page.keyboard.press("Escape")

    ben = listener(browser)
    ben.open(link)
    ben.listen()
    ben.hears()
    ben.say("same second, other address")
    ana.sees_message("same second, other address")
    ben.page.reload()
    ben.sees_message("same second, other address")
    ben.close()
    ana.close()
