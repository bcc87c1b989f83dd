"""A library of 50,000 tagged files: how long until it is searchable, how fast a search, a rescan, what memory it takes.

500 really tagged files in five formats, each hard-linked 100 times under other artists and albums; one server process,
asked over HTTP. The limits are the product's promises. `make bench F=library`, about five minutes.
"""

import os
import shutil
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from library_copies import linked, stock
from library_folder import JPG, Music
from rig import show
from servers import ServerProcess

FILES: Final = 50_000
DIFFERENT: Final = 500
CHANGED: Final = 100
ROUNDS: Final = 40
SEARCH_MS: Final = 50
SCAN_S: Final = 300
RESCAN_S: Final = 20

QUERIES: Final = {
    "two words with accents": "corazón partío",
    "two words without": "corazon partio",
    "title and artist": "mediterraneo alejandro",
    "a word half typed": "hopp",
    "one letter": "l",
    "in every tenth track": "love",
    "in every track": "album",
    "other letters": "夜に",
    "no result": "xyzzy",
}


class Asked:
    """The server, as its owner asks it."""

    def __init__(self, server: ServerProcess, token: str) -> None:
        self.server = server
        self.token = token

    def get(self, path: str, **query: object) -> Any:
        """The decoded answer."""
        return self.server.call("GET", f"{path}?{urllib.parse.urlencode(query)}", token=self.token)

    def scan(self) -> dict[str, Any]:
        """The scan of the one folder as it stands."""
        return self.get("/v1/library")["scans"][0]

    def until_scanned(self, after_ms: int | None = None) -> dict[str, Any]:
        """The next finished scan, once it is there."""
        while True:
            scan = self.scan()
            if scan["state"] in ("done", "failed") and scan["finished_ms"] != after_ms:
                return scan
            time.sleep(0.1)

    def rescan(self) -> tuple[float, dict[str, Any]]:
        """Seconds from asking for a scan to its end, and what it found."""
        before = self.scan()["finished_ms"]
        start_s = time.monotonic()
        request = urllib.request.Request(f"{self.server.url}/v1/library/scan", method="POST")
        request.add_header("Authorization", f"Bearer {self.token}")
        urllib.request.urlopen(request, timeout=30).close()
        scan = self.until_scanned(before)
        return time.monotonic() - start_s, scan

    def timed(self, path: str, **query: object) -> float:
        """Milliseconds of one request, answer decoded."""
        start_s = time.monotonic()
        self.get(path, **query)
        return (time.monotonic() - start_s) * 1000


@contextmanager
def library() -> Iterator[tuple[Path, list[Path]]]:
    """The folder with all the links, and the files behind them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "made").mkdir()
        music = Music(Path(shutil.which("ffmpeg") or "ffmpeg"), folder / "made")
        files = stock(music, folder / "stock", DIFFERENT)
        linked(files, folder / "library", FILES)
        for album in (folder / "library").glob("*/*0 (*"):
            (album / "cover.jpg").write_bytes(JPG + album.name.encode())
        yield folder / "library", files


def memory_mb(pid: int) -> float:
    """What the process holds now."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def first_scan(asked: Asked, start_s: float) -> None:
    """From the server's start: first results, everything; searches meanwhile."""
    while asked.get("/v1/tracks", limit=1)["total"] == 0:
        time.sleep(0.05)
    show("first results after the server's start", [time.monotonic() - start_s], limit=10, unit="s")
    meanwhile: list[float] = []
    while asked.scan()["state"] == "scanning":
        meanwhile.append(asked.timed("/v1/tracks", q="love"))
        time.sleep(0.5)
    scan = asked.until_scanned()
    assert (scan["seen"], scan["added"], scan["unreadable"]) == (FILES, FILES, 0), scan
    show(f"{FILES} files searchable", [time.monotonic() - start_s], limit=SCAN_S, unit="s")
    show("search while it scans", meanwhile, limit=SEARCH_MS, percent=95)


def searches(asked: Asked) -> None:
    """Each query many times, all by turns, so that none finds what the one before left warm."""
    times: dict[str, list[float]] = {what: [] for what in QUERIES}
    for _ in range(ROUNDS):
        for what, query in QUERIES.items():
            times[what].append(asked.timed("/v1/tracks", q=query))
    every = [value for values in times.values() for value in values]
    show("search, all queries", every, limit=SEARCH_MS)
    show("search, all queries", every, limit=SEARCH_MS, percent=95)
    for what, query in QUERIES.items():
        total = asked.get("/v1/tracks", q=query, limit=1)["total"]
        show(f"  {what}: {query} ({total})", times[what], limit=SEARCH_MS, percent=95)
    for path in ("/v1/tracks", "/v1/albums", "/v1/artists"):
        show(f"  first page of {path}", [asked.timed(path) for _ in range(ROUNDS)], limit=SEARCH_MS, percent=95)
    found = [asked.timed("/v1/albums", q="alejandro") for _ in range(ROUNDS)]
    show("  albums: alejandro", found, limit=SEARCH_MS, percent=95)


def rescans(asked: Asked, files: list[Path]) -> None:
    """Without changes, and with 100 files newer than before."""
    times = [asked.rescan()[0] for _ in range(3)]
    show("rescan without changes", times, limit=RESCAN_S, unit="s")
    os.utime(files[1], ns=(1, 1))  # all of its links with it
    took_s, scan = asked.rescan()
    assert scan["changed"] == CHANGED, scan
    show(f"rescan with {CHANGED} changed", [took_s], limit=RESCAN_S, unit="s")


def main() -> None:
    with library() as (folder, files), tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        with ServerProcess(data) as server:
            token = server.token("owner")
        start_s = time.monotonic()
        with ServerProcess(data, "--library", str(folder)) as server:
            at_start_mb, asked = memory_mb(server.pid), Asked(server, token)
            first_scan(asked, start_s)
            after_scan_mb = memory_mb(server.pid)
            searches(asked)
            rescans(asked, files)
            print(
                f"memory of the server: {at_start_mb:.0f} MB at its start, {after_scan_mb:.0f} MB after the scan, "
                f"{memory_mb(server.pid):.0f} MB at the end; {os.cpu_count()} cores",
                flush=True,
            )


if __name__ == "__main__":
    main()
