"""SIGKILL in the middle of encodes, again and again: what is ready is whole, and nothing is left lying about."""

import contextlib
import hashlib
import random
import sqlite3
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
PAUSE_S = 0.01
"""Asking without a pause would take the processor from the encoder that is asked about."""


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
        time.sleep(PAUSE_S)


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


@pytest.mark.timeout(120)
def test_an_encode_that_was_killed_is_taken_up_by_itself_and_comes_out_the_same(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    make_wav(library / "song.wav", seconds=40)
    whole = encoded(tmp_path / "undisturbed", library, kills=0)
    assert {name.partition("/")[0] for name in whole} == {"64", "128", "256"}
    assert encoded(tmp_path / "killed", library, kills=1) == whole


def encoded(data: Path, library: Path, *, kills: int) -> dict[str, str]:
    """What came of the song, by rung and name; nobody asks for it again after a kill in the middle of its encode."""
    with ServerProcess(data, "--library", str(library)) as server:
        token = server.token("owner")
        until(lambda: len(listed(server, token)) == 1, "the library was not scanned")
        server.call("POST", f"/v1/tracks/{listed(server, token)[0]['id']}/encode", token=token)
        for _ in range(kills):
            until(lambda: len(files(data)) >= 3, "nothing is being encoded")
            server.kill()
            assert jobs(data) == [("first", "running")]
            server.start()
        until(lambda: bool(listed(server, token)) and jobs(data) == [], "the job was not taken up")
        assert [track["status"] for track in listed(server, token)] == ["ready"]
    return {f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files(data)}


def jobs(data: Path) -> list[tuple[str, str]]:
    """What is to be encoded, as the database says."""
    with contextlib.closing(sqlite3.connect(data / "whatssound.sqlite3")) as rows:
        return rows.execute("SELECT stage, state FROM encode_jobs").fetchall()


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
