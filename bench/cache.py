"""A cache of 200 MB and 100 tracks in turn, by a real server with real music: who is evicted, what is on the disk.

After every step the queue is held against what the library says, and the disk is counted file by file. The limits are
the product's promises: nothing in a queue is evicted; the cache is never above its limit by more than one track. Takes
about ten minutes, nearly all of it encoding. `make bench F=cache`
"""

import asyncio
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from clients import SocketClient
from servers import ServerProcess

TRACKS = 100
TRACK_S = 80
AHEAD = 5
"""Tracks that wait in the queue."""

LIMIT_BYTES = 200 * 10**6
MUSIC = Path("/usr/share/hyperrogue/music")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        library, data = Path(folder) / "library", Path(folder) / "data"
        library.mkdir()
        cut(library)
        arguments = ("--library", str(library), "--cache-size", f"{LIMIT_BYTES // 10**6}MB")
        with ServerProcess(data, *arguments) as server:
            asyncio.run(played(server, data / "blobs"))


def cut(library: Path) -> None:
    """A hundred tracks of real music, each another minute of it."""
    pieces = sorted(MUSIC.glob("hr3-*.ogg"))  # of the others FFmpeg refuses some
    if not pieces:
        raise SystemExit("this bench needs ffmpeg and hyperrogue-music: sh .ci/tools")
    for n in range(TRACKS):
        piece, start_s = pieces[n % len(pieces)], 7 * (n // len(pieces))
        source = ["ffmpeg", "-v", "error", "-stream_loop", "-1", "-ss", str(start_s), "-i", piece, "-t", str(TRACK_S)]
        subprocess.run([*source, "-ac", "2", "-c:a", "flac", library / f"{n:03}.flac"], check=True)


async def played(server: ServerProcess, blobs: Path) -> None:
    token = server.token("owner")
    tracks = await scanned(server, token)
    room: str = server.call("POST", "/v1/rooms", {"title": "All night"}, token=token)["room"]["id"]
    topic, wrong, highest, largest = f"room:{room}", 0, 0, 0
    async with SocketClient(server.url, token) as dj:
        await dj.join(topic, device="desk")
        for n in range(AHEAD):
            await dj.push(topic, "queue:add", track_id=tracks[n]["id"], nonce=str(n))
        ready: set[str] = set()
        for n in range(TRACKS):
            if n + AHEAD < TRACKS:
                await dj.push(topic, "queue:add", track_id=tracks[n + AHEAD]["id"], nonce=str(n + AHEAD))
            await dj.push(topic, "playback:play" if n == 0 else "playback:skip")
            playback = await dj.push(topic, "playback:get")
            await asyncio.to_thread(heard, server, playback["track"]["hls"])
            await idle(server, token)
            now = {id for id in needed(server, room, token) if status(server, id, token) == "ready"}
            wrong += len((ready & set(needed(server, room, token))) - now)
            ready = now
            kept = sizes(blobs)
            highest, largest = max(highest, sum(kept)), max(largest, *kept)
    total = server.call("GET", "/v1/library", token=token)["cache"]["bytes"]
    print(f"tracks of a queue that were evicted: {wrong} of {TRACKS}  limit 0", flush=True)
    above = max(0, highest - LIMIT_BYTES)
    print(
        f"highest on disk: {highest / 1e6:.1f} MB, {above / 1e6:.1f} MB above the limit;"
        f"  limit one track: {largest / 1e6:.1f} MB"
    )
    print(f"the server's own account at the end: {total / 1e6:.1f} MB, on disk {sum(sizes(blobs)) / 1e6:.1f} MB")


async def scanned(server: ServerProcess, token: str) -> list[dict[str, Any]]:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        tracks = server.call("GET", f"/v1/tracks?limit={TRACKS}", token=token)["tracks"]
        if len(tracks) == TRACKS:
            return tracks
        await asyncio.sleep(0.2)
    raise SystemExit("the library was not scanned")


async def idle(server: ServerProcess, token: str) -> None:
    """All rungs of what is queued are encoded: the cache is as full as it gets."""
    while True:
        encodes = server.call("GET", "/v1/library", token=token)["encodes"]
        if not encodes["running"] and (encodes["held"] or not encodes["waiting"]):
            return
        await asyncio.sleep(0.2)


def needed(server: ServerProcess, room: str, token: str) -> list[str]:
    """The tracks that play or wait in the queue."""
    shown = server.call("GET", f"/v1/rooms/{room}", token=token)
    return [shown["playback"]["track"]["id"], *(entry["track"]["id"] for entry in shown["queue"]["entries"])]


def status(server: ServerProcess, track_id: str, token: str) -> str:
    return server.call("GET", f"/v1/tracks/{track_id}", token=token)["status"]


def heard(server: ServerProcess, hls: str) -> None:
    """Every segment of the first rung, as a player asks for them."""
    master = f"http://127.0.0.1:{server.port}{hls}"
    media = urllib.parse.urljoin(master, uris(master)[0])
    for segment in uris(media):
        fetched(urllib.parse.urljoin(media, segment))


def uris(playlist: str) -> list[str]:
    return [line for line in fetched(playlist).decode().splitlines() if line and not line.startswith("#")]


def fetched(url: str) -> bytes:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise


def sizes(blobs: Path) -> list[int]:
    """What each track's renditions take, file by file."""
    return [size(folder) for folder in blobs.iterdir() if folder.name != "covers"]


def size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue  # just evicted
    return total


if __name__ == "__main__":
    main()
