"""Phoenix's own JavaScript client, unchanged and under Node: what others build on works, also across a restart."""

import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import ServerProcess

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "web/node_modules/phoenix/priv/static/phoenix.mjs"
NODE = Path(sys.executable).with_name("node")
SCRIPT = Path(__file__).with_name("phoenix_client.mjs")

EXPECTED = [
    {"step": "join", "dj": "dj", "guest": "listener"},
    {"step": "chat", "heard": "hello 🎧", "same": True},
    {"step": "play", "device": "decks"},
    {"step": "seek", "position_ms": 500},
    {"step": "forbidden", "code": "forbidden"},
    {"step": "joined twice", "listeners": 2, "first": "closed"},
    {"step": "refused", "code": "not_found", "state": "closed"},
    {"step": "left", "state": "closed"},
    {"step": "restart"},
    {"step": "back", "history": ["hello 🎧"], "said": True},
]


@pytest.fixture(params=["1", "3"], ids=["alone", "3 workers"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    music = tmp_path / "music"
    music.mkdir()
    with wave.open(str(music / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8_000 * 10))
    with ServerProcess(tmp_path / "data", "--library", str(music), "--workers", request.param) as running:
        yield running


@pytest.mark.skipif(not (CLIENT.is_file() and NODE.is_file()), reason="needs web/node_modules and the wheel's Node")
@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
def test_the_official_client_joins_talks_plays_leaves_and_comes_back(server: ServerProcess, vsn: str) -> None:
    owner, guest = server.token("owner"), server.guest("Ana")["access_token"]
    room = server.call("POST", "/v1/rooms", {"title": "Friday"}, token=owner)["room"]["id"]
    tracks: list[dict[str, Any]] = []
    while not tracks:  # the scan runs beside the server's first requests
        tracks = server.call("GET", "/v1/tracks", token=owner)["tracks"]
    command = [NODE, SCRIPT, CLIENT.as_uri(), f"{server.url}/socket", vsn, room, owner, guest, tracks[0]["id"]]
    said: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        for line in client.stdout:
            said.append(json.loads(line))
            if said[-1]["step"] == "restart":
                server.kill()
                server.start()
    assert said == [step for step in EXPECTED if vsn != "1.0.0" or step["step"] != "joined twice"]
    assert client.returncode == 0
