"""SIGKILL in the middle of encodes, again and again: what is ready is whole, and nothing is left lying about."""

import random
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from music import make_wav
from servers import ServerProcess

TRACKS = 24
KILLS = 8
SEED = 20260102
LIMIT_BYTES = 12_000_000
TRACK_BYTES = 1_500_000
"""More than one track of 20 s takes with all its rungs: 448 kb/s, and what the encoder overshoots."""

DEADLINE_S = 60


def files(data: Path) -> list[Path]:
    """Every stored file of encoded music."""
    return [path for path in (data / "blobs").glob("*/*/*") if path.is_file()]


def on_disk(data: Path) -> int:
    return sum(path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file())


def children(pid: int) -> set[int]:
    """The processes that this one started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def until(holds: object, what: str) -> None:
    """Return as soon as `holds()`."""
    end = time.monotonic() + DEADLINE_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, what


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def uris(playlist: bytes) -> list[str]:
    return [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]


def played(server: ServerProcess, hls: str) -> int:
    """How many segments of its first rung the track has, all of which are fetched."""
    master = f"http://127.0.0.1:{server.port}{hls}"
    media = urllib.parse.urljoin(master, uris(fetched(master))[0])
    segments = uris(fetched(media))
    for segment in segments:
        assert fetched(urllib.parse.urljoin(media, segment))
    return len(segments)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_during_encodes_leave_whole_tracks_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    library, data = tmp_path / "library", tmp_path / "data"
    library.mkdir()
    for n in range(TRACKS):
        make_wav(library / f"{n}.wav", seconds=20, pitch_hz=200 + 10 * n)
    with ServerProcess(data, "--library", str(library), "--cache-size", f"{LIMIT_BYTES // 10**6}MB") as server:
        token = server.token("owner")
        until(lambda: len(listed(server, token)) == TRACKS, "the library was not scanned")
        for track in listed(server, token):
            server.call("POST", f"/v1/tracks/{track['id']}/encode", token=token)
        for _ in range(KILLS):
            more = len(files(data)) + rng.randint(1, 12)
            until(lambda more=more: len(files(data)) >= more or held(server, token), "nothing is being encoded")
            started = children(server.pid)
            server.kill()
            until(lambda started=started: not any(alive(pid) for pid in started), "a child outlived the server")
            assert on_disk(data) <= LIMIT_BYTES + TRACK_BYTES
            server.start()
            assert on_disk(data) <= LIMIT_BYTES + TRACK_BYTES
            assert not [path for path in (data / "blobs").iterdir() if path.name.startswith(".")]
            for track in listed(server, token):
                if track["status"] == "ready":
                    assert played(server, track["hls"]) == 6
        status = server.call("GET", "/v1/library", token=token)
        assert status["encodes"]["failed"] == []
        for track in listed(server, token)[:3]:
            assert played(server, track["hls"]) == 6


def listed(server: ServerProcess, token: str) -> list[dict[str, str]]:
    return server.call("GET", "/v1/tracks?limit=100", token=token)["tracks"]


def held(server: ServerProcess, token: str) -> bool:
    """Whether the cache has no room for the next encode."""
    return server.call("GET", "/v1/library", token=token)["encodes"].get("held") is not None


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
