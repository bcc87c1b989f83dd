"""Behind a real nginx and a real Caddy, as the shipped examples have it: everything works under a path."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import SocketClient
from music import make_wav
from proxies import DEPLOY, behind
from servers import ServerProcess
from whatssound.config import Limits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp(request.param)
    with behind(request.param, folder, "--guests-per-minute", "4") as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: ServerProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token('owner')}"}


@pytest.fixture(scope="module")
def track(server: ServerProcess, owner: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A large upload that went through the proxy."""
    song = make_wav(tmp_path_factory.mktemp("songs") / "Long way round.wav", seconds=60)
    assert song.stat().st_size > 10_000_000
    with song.open("rb") as file:
        answer = httpx.post(f"{server.url}/v1/tracks", files={"file": file}, headers=owner, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    return httpx.get(f"{server.url}/v1/tracks/{answer.json()['id']}", headers=owner).json()


def from_address(address: str) -> httpx.Client:
    """A client whose connections come from this loopback address."""
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=30)


def test_every_link_begins_at_the_proxy(server: ServerProcess) -> None:
    about = httpx.get(f"{server.url}/v1/server").json()
    assert about["links_base"] == server.url
    assert f"Open it: {server.url}\n" in server.said
    assert f"{server.url}/#owner={server.owner_code}\n" in server.said
    signed_in = httpx.post(f"{server.url}/v1/auth/owner", json={"code": server.owner_code})
    assert signed_in.json()["user"]["role"] == "owner"


def test_the_page_is_served_under_its_path_and_at_a_room(server: ServerProcess) -> None:
    for path in ("/", "/r/friday"):
        page = httpx.get(f"{server.url}{path}")
        assert page.headers["content-type"].startswith("text/html")
        assert '<base href="/music/" />' in page.text
    without_slash = httpx.get(server.url)
    assert (without_slash.status_code, without_slash.headers["location"]) == (308, "/music/")


def test_a_large_file_can_be_uploaded(track: dict[str, Any]) -> None:
    assert track["title"] == "Long way round"


def test_a_playlist_leads_to_audio_in_ranges(server: ServerProcess, track: dict[str, Any]) -> None:
    outside = server.url.removesuffix("/music")
    master = httpx.URL(f"{outside}{track['hls']}")
    listed = httpx.get(master, timeout=30)
    while listed.status_code == 503:
        time.sleep(0.2)  # a busy machine: the answer asks to come again
        listed = httpx.get(master, timeout=30)
    media = master.join(last_line(listed.text))
    assert str(media).startswith(server.url)
    first = next(line for line in httpx.get(media, timeout=30).text.splitlines() if line.endswith(".m4s"))
    part = httpx.get(media.join(first), headers={"Range": "bytes=100-199"}, timeout=30)
    assert (part.status_code, len(part.content)) == (206, 100)
    assert part.headers["content-range"].startswith("bytes 100-199/")


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def topic(server: ServerProcess, owner: dict[str, str]) -> str:
    """A room opened through the proxy."""
    room = httpx.post(f"{server.url}/v1/rooms", json={"title": "Friday"}, headers=owner).json()["room"]
    return f"room:{room['id']}"


async def test_a_room_is_joined_and_talked_in_through_the_proxy(
    server: ServerProcess, owner: dict[str, str], track: dict[str, Any], topic: str
) -> None:
    token = owner["Authorization"].removeprefix("Bearer ")
    async with SocketClient(server.url, token) as dj, SocketClient(server.url, server.token("guest", "Ben")) as ben:
        await dj.join(topic)
        await ben.join(topic)
        await dj.push(topic, "queue:add", track_id=track["id"], nonce="1")
        await ben.push(topic, "chat:send", text="through the proxy", nonce="2")
        heard = await dj.event("chat", where=lambda it: it["text"] == "through the proxy")
        assert heard["user"]["name"] == "Ben"
        queue = await ben.event("queue", where=lambda it: len(it["entries"]) == 1)
        assert queue["entries"][0]["track"]["hls"].startswith("/music/audio/")


def test_limits_count_the_listener_and_not_the_proxy(server: ServerProcess) -> None:
    address = f"{server.url}/v1/auth/guest"
    with from_address("127.0.0.2") as one, from_address("127.0.0.3") as other:
        assert one.get(f"{server.url}/v1/server").json()["you"] == {"address": "127.0.0.2", "forwarded": "believed"}
        statuses = [one.post(address, json={"name": f"Guest {count}"}).status_code for count in range(5)]
        assert statuses == [200, 200, 200, 200, 429]
        assert other.post(address, json={"name": "Other"}).status_code == 200


def test_nobody_escapes_a_limit_by_inventing_an_address(server: ServerProcess) -> None:
    with from_address("127.0.0.4") as liar:
        about = liar.get(f"{server.url}/v1/server", headers={"X-Forwarded-For": "203.0.113.1"}).json()
    assert about["you"]["address"] == "127.0.0.4"


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_domain_of_its_own_works_as_well(kind: str, tmp_path: Path) -> None:
    with behind(kind, tmp_path / "root", path="") as server:
        assert httpx.get(f"{server.url}/v1/server").json()["links_base"] == server.url
        assert '<base href="/" />' in httpx.get(f"{server.url}/r/friday").text


@pytest.mark.parametrize("example", ["nginx.conf", "nginx-subpath.conf"])
def test_nginx_waits_longer_than_we_do_for_a_socket_that_says_nothing(example: str) -> None:
    found = re.search(r"proxy_read_timeout (\d+)s;", (DEPLOY / example).read_text())
    assert found is not None
    assert int(found[1]) > Limits().idle_timeout_s


@pytest.mark.parametrize("example", ["nginx.conf", "nginx-subpath.conf"])
def test_nginx_lets_pass_what_we_take(example: str) -> None:
    found = re.search(r"client_max_body_size (\d+)m;", (DEPLOY / example).read_text())
    assert found is not None
    assert int(found[1]) * 1024**2 > Limits().upload_bytes
