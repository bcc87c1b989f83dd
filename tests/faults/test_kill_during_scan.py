"""SIGKILL in the middle of a library's scan, again and again: every file is a track once, and none has two."""

import sqlite3
import time
from pathlib import Path

import pytest

from library_copies import linked, stock
from library_folder import Music, untouched
from servers import ServerProcess

FILES = 3000
DIFFERENT = 30
KILLS = 5
DEADLINE_S = 120


def tracks(server: ServerProcess, token: str) -> int:
    return server.call("GET", "/v1/library", token=token)["tracks"]


def until_more(server: ServerProcess, token: str, count: int) -> int:
    """Return as soon as there are more than `count` tracks, with how many there are."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if (now := tracks(server, token)) > count:
            return now
    raise AssertionError(f"still {count} tracks after {DEADLINE_S} s")


def rows(data: Path) -> dict[str, int]:
    """The track of each path, as the database has it."""
    database = sqlite3.connect(data / "whatssound.sqlite3")
    try:
        return dict(database.execute("SELECT path, id FROM tracks").fetchall())
    finally:
        database.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_during_a_scan_lose_and_double_nothing(tmp_path: Path, ffmpeg: Path) -> None:
    (tmp_path / "stock").mkdir()
    library = tmp_path / "library"
    linked(stock(Music(ffmpeg, tmp_path / "stock"), tmp_path / "stock" / "tagged", DIFFERENT), library, FILES)
    before = untouched(library)
    known: dict[str, int] = {}
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        token = server.token("owner")
    with ServerProcess(data, "--library", str(library)) as server:
        for _ in range(KILLS):
            found = until_more(server, token, len(known))
            server.kill()
            after = rows(data)
            assert len(after) >= found, "what was shown must be kept"
            assert known.items() <= after.items(), "a track keeps its id"
            known = after
            server.start()
        assert len(known) < FILES, "the kills must come during the scan"
        until_more(server, token, FILES - 1)
        end = until_done(server, token)
        assert (end["seen"], end["unreadable"], end["offline"], end["moved"]) == (FILES, 0, 0, 0)
        found = server.call("GET", "/v1/tracks?q=corazon&limit=1", token=token)["total"]
    after = rows(data)
    assert known.items() <= after.items()
    assert len(after) == FILES
    assert found == sum("Coraz" in title for title in titles(data))
    assert untouched(library) == before


def until_done(server: ServerProcess, token: str) -> dict[str, object]:
    while True:
        [scan] = server.call("GET", "/v1/library", token=token)["scans"]
        if scan["state"] in ("done", "failed"):
            return scan


def titles(data: Path) -> list[str]:
    database = sqlite3.connect(data / "whatssound.sqlite3")
    try:
        return [title for (title,) in database.execute("SELECT title FROM tracks")]
    finally:
        database.close()
