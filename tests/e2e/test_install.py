"""The page as an app: what a browser needs for it, and a worker that never shows an old page."""

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from e2e.places import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BUILT: Final = Path(__file__).parents[2] / "src/whatssound/http/page"

CONTROLLED: Final = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"


@pytest.fixture
def context(browser: Browser, house: House) -> Iterator[BrowserContext]:
    context = house.context(browser, locale="es")
    yield context
    context.close()


def settled(page: Page) -> None:
    """Wait until the worker has what it keeps, and answers for this page."""
    page.wait_for_function(CONTROLLED)


def test_the_manifest_and_its_icons_are_there(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.server.url + house.demo)
    link = page.locator("link[rel=manifest]").evaluate("link => link.href")
    answer = page.request.get(link)
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert urljoin(link, manifest["start_url"]) == house.server.url + "/"
    for icon in manifest["icons"]:
        width = page.evaluate(
            "src => new Promise(done => { const i = new Image(); i.onload = () => done(i.width); i.src = src; })",
            urljoin(link, icon["src"]),
        )
        assert icon["sizes"] == f"{width}x{width}"
    touch = page.locator("link[rel=apple-touch-icon]").evaluate("link => link.href")
    assert page.request.get(touch).ok


def test_installing_is_offered_only_when_the_browser_offers_it(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.server.url)
    page.get_by_test_id("name").click()
    expect(page.get_by_test_id("account")).to_be_visible()
    expect(page.get_by_test_id("install")).to_be_hidden()
    page.evaluate(
        """() => {
          const event = new Event("beforeinstallprompt", { cancelable: true });
          event.prompt = async () => { window.asked = true; return { outcome: "accepted" }; };
          window.dispatchEvent(event);
        }"""
    )
    page.get_by_test_id("install").click()
    page.wait_for_function("() => window.asked")
    expect(page.get_by_test_id("install")).to_be_hidden()


def test_an_iphone_is_told_how_in_words(browser: Browser, house: House) -> None:
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1"
    context = house.context(browser, locale="es", user_agent=agent)
    page = context.new_page()
    page.goto(house.server.url)
    page.get_by_test_id("name").click()
    expect(page.get_by_test_id("install-by-hand")).to_contain_text("Compartir")
    context.close()


def test_without_a_network_the_page_says_what_to_do_and_comes_back(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.server.url)
    settled(page)
    context.set_offline(True)
    page.goto(house.server.url + house.demo)
    expect(page.get_by_role("heading", name="Sin conexión.")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_test_id("listen")).to_be_visible()


def test_the_worker_leaves_the_api_and_the_music_alone(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(house.server.url)
    settled(page)
    kept = page.evaluate(
        """async () => {
          const names = await caches.keys();
          const requests = await Promise.all(names.map(async name => (await caches.open(name)).keys()));
          return requests.flat().map(({ url }) => new URL(url).pathname);
        }"""
    )
    assert "/offline.html" in kept
    assert all(path == "/offline.html" or path.startswith("/assets/") for path in kept)
    seen: list[Response] = []

    def note(answer: Response) -> None:
        seen.append(answer)

    page.on("response", note)
    page.goto(house.server.url + house.demo)
    page.get_by_test_id("listen").click()
    page.wait_for_function("() => window.whatssound.probe()?.playing")
    by_worker = {answer.url for answer in seen if answer.from_service_worker}
    assert by_worker
    assert not [url for url in by_worker if "/v1/" in url or "/audio/" in url]
    context.set_offline(True)
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        page.goto(house.server.url + "/docs")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The built page in a folder of its own, served under a sub-path as it lies there: folder and address."""
    folder = tmp_path / "music"
    shutil.copytree(BUILT, folder)
    _rebase(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/music/"
    server.shutdown()
    server.server_close()
    thread.join()


def _rebase(folder: Path) -> None:
    index = folder / "index.html"
    index.write_text(index.read_text().replace('<base href="/" />', '<base href="/music/" />'))


def test_a_new_build_is_shown_at_the_next_load(browser: Browser, house: House, builds: tuple[Path, str]) -> None:
    folder, address = builds
    context = house.context(browser)
    page = context.new_page()
    page.goto(address)
    settled(page)
    old = _entry(folder)
    _build_again(folder, old)
    page.reload()
    assert page.evaluate("document.querySelector('script[type=module]').src").endswith("-newbuild.js")
    page.wait_for_function(
        "async () => { const names = await caches.keys(); return names.length === 1 && names[0].includes('newbuild'); }"
    )
    settled(page)
    page.reload()
    assert page.evaluate("document.querySelector('script[type=module]').src").endswith("-newbuild.js")
    context.close()


def _entry(folder: Path) -> str:
    names = json.dumps((folder / "index.html").read_text())
    start = names.index("assets/index-")
    return names[start : names.index(".js", start) + 3]


def _build_again(folder: Path, old: str) -> None:
    """As another build would: the entry has another name, in the page and in the worker; the old one is gone."""
    new = "assets/index-newbuild.js"
    (folder / old).rename(folder / new)
    for path in (folder / "index.html", folder / "sw.js", *folder.glob("assets/*.js")):
        path.write_text(path.read_text().replace(old, new).replace(old.rpartition("/")[2], new.rpartition("/")[2]))
