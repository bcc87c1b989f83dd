"""One server under a sub-path: it answers with and without the path, and what it gives away carries it."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from servers import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server") / "data"
    with ServerProcess(data, "--public-url", "https://example.org/music/", "--demo") as running:
        yield running


def text(server: ServerProcess, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("prefix", ["", "/music"])
async def test_requests_and_sockets_are_answered_with_and_without_the_path(server: ServerProcess, prefix: str) -> None:
    assert json.loads(text(server, f"{prefix}/v1/server"))["links_base"] == "https://example.org/music"
    token = server.guest("Ana")["access_token"]
    address = f"ws://127.0.0.1:{server.port}{prefix}/socket/websocket?vsn=2.0.0&token={token}"
    async with websockets.connect(address) as socket:
        await socket.send('["1","1","phoenix","heartbeat",{}]')
        assert json.loads(await socket.recv())[4]["status"] == "ok"


def test_playlists_and_covers_carry_the_path(server: ServerProcess) -> None:
    room = server.call("GET", "/v1/rooms")["rooms"][0]
    track = room["playback"]["track"]
    assert track["hls"].startswith("/music/audio/tracks/")
    assert track["cover"].startswith("/music/audio/covers/")
    listed = server.call("GET", f"/v1/tracks/{track['id']}", token=server.token("owner"))
    assert (listed["hls"], listed["cover"]) == (track["hls"], track["cover"])
    assert text(server, track["hls"]).startswith("#EXTM3U")


def test_a_description_and_a_page_name_the_path(server: ServerProcess) -> None:
    assert json.loads(text(server, "/docs/openapi.json"))["servers"] == [{"url": "/music/"}]
    assert 'href="/music/docs/openapi.json"' in text(server, "/music/docs")


def test_the_owner_s_link_begins_with_the_public_url(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--public-url", "https://example.org/music")
    with server:
        assert re.search(r"^Open it: http://127\.0\.0\.1:\d+$", server.said, re.MULTILINE)
        assert "Open it: https://example.org/music\n" in server.said
        assert re.search(r"https://example\.org/music/#owner=\w+", server.said)
