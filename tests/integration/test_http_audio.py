"""Audio over HTTP from a real server: upload, playlists, segments, ranges, covers."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway_server import serving
from http_rig import Rig, opened
from music import make_wav
from whatssound.adapters.blobs_files import FileBlobs

COVER = "a" * 32


@dataclass(frozen=True)
class Live:
    """A rig behind uvicorn, and a client that speaks to it over TCP."""

    rig: Rig
    http: httpx.AsyncClient


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with (
        opened(tmp_path, encoding=True) as rig,
        serving(_no_sockets, rig.app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        yield Live(rig, http)


def _no_sockets(*_: object, **__: object) -> object:
    raise AssertionError("nobody opens a socket here")


async def uploaded(live: Live) -> str:
    """The signed path of a track that was just uploaded."""
    wav = make_wav(live.rig.data / "made.wav", seconds=9).read_bytes()
    headers = await live.rig.owner()
    accepted = (await live.http.post("/v1/tracks", files={"file": ("chord.wav", wav)}, headers=headers)).json()
    return (await live.http.get(f"/v1/tracks/{accepted['id']}", headers=headers)).json()["hls"]


async def test_an_uploaded_song_is_played_from_its_signed_path_to_its_last_segment(live: Live) -> None:
    hls = await uploaded(live)
    master = await live.http.get(hls)
    assert (master.status_code, master.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert "max-age=10" in master.headers["cache-control"]
    rendition = next(line for line in master.text.splitlines() if line and not line.startswith("#"))
    media_url = httpx.URL(f"http://test{hls}").join(rendition)
    media = await live.http.get(media_url.raw_path.decode())
    assert media.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert media.text.rstrip().endswith("#EXT-X-ENDLIST")
    init = re.search(r'#EXT-X-MAP:URI="([^"]+)"', media.text)
    assert init is not None
    names = [init.group(1), *(line for line in media.text.splitlines() if line and not line.startswith("#"))]
    assert len(names) > 2
    for name in names:
        segment = await live.http.get(media_url.join(name).raw_path.decode())
        assert segment.status_code == 200
        assert segment.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert segment.headers["content-type"] in ("video/mp4", "audio/mp4", "video/iso.segment")
        assert segment.headers["access-control-allow-origin"] == "*"
        assert segment.content[4:8] in (b"ftyp", b"styp", b"moof", b"sidx", b"prft")


async def test_a_changed_signature_or_track_is_forbidden(live: Live) -> None:
    hls = await uploaded(live)
    path, _, query = hls.partition("?")
    for other in (f"{path}?{query}x", re.sub(r"exp=\d+", "exp=9999999999", hls), hls.replace("/tracks/", "/tracks/1")):
        answer = await live.http.get(other)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    live.rig.time.now_ms += 13 * 3_600_000
    assert (await live.http.get(hls)).status_code == 403


async def test_a_file_that_is_no_music_says_so_when_it_is_asked_for(live: Live) -> None:
    headers = await live.rig.owner()
    accepted = await live.http.post("/v1/tracks", files={"file": ("letter.mp3", b"Dear aunt,")}, headers=headers)
    track = (await live.http.get(f"/v1/tracks/{accepted.json()['id']}", headers=headers)).json()
    answer = await live.http.get(track["hls"])
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported")
    assert answer.json()["message"]


@pytest.fixture
async def cover(live: Live) -> str:
    await FileBlobs(live.rig.data / "blobs").put(f"covers/{COVER}.png", bytes(range(256)) * 8_192)
    return f"/audio/covers/{COVER}.png"


async def test_a_cover_has_its_type_a_tag_and_lives_for_ever(live: Live, cover: str) -> None:
    whole = await live.http.get(cover)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/png")
    assert whole.content == bytes(range(256)) * 8_192
    assert whole.headers["accept-ranges"] == "bytes"
    assert "immutable" in whole.headers["cache-control"]
    again = await live.http.get(cover, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_part_of_a_file_is_sent_alone(live: Live, cover: str) -> None:
    for asked, first, last in (("0-9", 0, 9), ("2097142-", 2_097_142, 2_097_151), ("-10", 2_097_142, 2_097_151)):
        part = await live.http.get(cover, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/2097152"
        assert part.content == (bytes(range(256)) * 8_192)[first : last + 1]
        assert part.headers["content-length"] == str(len(part.content))


async def test_a_part_beyond_the_end_is_told_where_the_end_is(live: Live, cover: str) -> None:
    answer = await live.http.get(cover, headers={"Range": "bytes=2097152-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */2097152"


async def test_a_part_of_an_older_version_becomes_the_whole_new_one(live: Live, cover: str) -> None:
    etag = (await live.http.head(cover)).headers["etag"]
    same = await live.http.get(cover, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = await live.http.get(cover, headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_head_tells_what_get_would_send(live: Live, cover: str) -> None:
    whole, head = await live.http.get(cover), await live.http.head(cover)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "cache-control", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


async def test_head_tells_what_get_would_send_of_a_playlist(live: Live) -> None:
    hls = await uploaded(live)
    before, head, after = [await send(hls) for send in (live.http.get, live.http.head, live.http.get)]
    while before.content != after.content:  # another quality was encoded meanwhile
        before, head, after = after, await live.http.head(hls), await live.http.get(hls)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(after.content))


async def test_a_connection_survives_an_upload_that_was_refused_half_way(live: Live) -> None:
    guest = await live.rig.guest()
    for _ in range(2):
        refused = await live.http.post("/v1/tracks", files={"file": ("a.mp3", bytes(3_000_000))}, headers=guest)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await live.http.get("/v1/me", headers=guest)).status_code == 200
