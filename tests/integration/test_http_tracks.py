"""The library over HTTP: uploads of every kind, good and bad, and what is found again."""

import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_rig import Rig, opened
from music import make_wav
from whatssound.config import Limits
from whatssound.http import uploads

LIMIT_BYTES = 2_000_000


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, limits=Limits(upload_bytes=LIMIT_BYTES)) as rig:
        yield rig


def left_behind(rig: Rig) -> list[Path]:
    return [path for path in (rig.data / "uploads").rglob("*") if path.is_file()]


async def sent(rig: Rig, data: bytes, name: str = "song.wav") -> tuple[int, dict[str, object]]:
    answer = await rig.client.post("/v1/tracks", files={"file": (name, data)}, headers=await rig.owner())
    return answer.status_code, answer.json()


async def test_an_upload_is_kept_byte_for_byte_and_found_by_its_name(rig: Rig) -> None:
    wav = make_wav(rig.data / "made.wav", seconds=8).read_bytes()
    status, accepted = await sent(rig, wav, "Blue Monday.wav")
    assert status == 202
    [kept] = left_behind(rig)
    assert kept.read_bytes() == wav
    headers = await rig.owner()
    page = (await rig.client.get("/v1/tracks?q=monday", headers=headers)).json()
    assert page["total"] == 1
    [track] = page["tracks"]
    assert (track["id"], track["title"], track["status"]) == (accepted["id"], "Blue Monday", accepted["status"])
    assert "peaks" not in track
    assert track["hls"].startswith(f"/audio/tracks/{track['id']}/master.m3u8?")


async def test_any_token_reads_a_single_track_and_only_the_owner_the_library(rig: Rig) -> None:
    _, accepted = await sent(rig, b"RIFF")
    guest = await rig.guest()
    assert (await rig.client.get(f"/v1/tracks/{accepted['id']}", headers=guest)).json()["title"] == "song"
    assert (await rig.client.get(f"/v1/tracks/{accepted['id']}", headers=rig.reader())).status_code == 200
    for answer in (
        await rig.client.get("/v1/tracks", headers=guest),
        await rig.client.post(f"/v1/tracks/{accepted['id']}/encode", headers=guest),
        await rig.client.post("/v1/tracks", files={"file": ("a.mp3", b"x")}, headers=guest),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await rig.client.get(f"/v1/tracks/{accepted['id']}")).status_code == 401


async def test_the_library_is_walked_page_by_page(rig: Rig) -> None:
    for name in ("c.wav", "a.wav", "b.wav"):
        await sent(rig, name.encode(), name)
    headers = await rig.owner()
    first = (await rig.client.get("/v1/tracks?limit=2", headers=headers)).json()
    assert ([track["title"] for track in first["tracks"]], first["total"]) == (["a", "b"], 3)
    second = (await rig.client.get("/v1/tracks", params={"limit": 2, "cursor": first["next"]}, headers=headers)).json()
    assert [track["title"] for track in second["tracks"]] == ["c"]
    assert "next" not in second


async def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(rig: Rig) -> None:
    assert (await sent(rig, bytes(LIMIT_BYTES)))[0] == 202
    status, body = await sent(rig, bytes(LIMIT_BYTES + 1))
    assert (status, body["code"], body["details"]) == (413, "too_large", {"limit_bytes": LIMIT_BYTES})
    assert len(left_behind(rig)) == 1


async def test_an_announced_length_beyond_the_limit_is_refused_before_anything_is_read(rig: Rig) -> None:
    async def never_read() -> AsyncIterator[bytes]:
        pytest.fail("the body was asked for")
        yield b""

    headers = {
        **await rig.owner(),
        "Content-Type": "multipart/form-data; boundary=xyz",
        "Content-Length": str(10 * LIMIT_BYTES),
    }
    answer = await rig.client.post("/v1/tracks", content=never_read(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_file_that_grows_beyond_the_limit_without_saying_so_is_refused_and_leaves_nothing(rig: Rig) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
        while True:
            read += 100_000
            yield bytes(100_000)

    headers = {**await rig.owner(), "Content-Type": "multipart/form-data; boundary=xyz"}
    answer = await rig.client.post("/v1/tracks", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert read == LIMIT_BYTES + 100_000
    assert left_behind(rig) == []


async def test_a_form_without_a_file_is_told_what_is_missing(rig: Rig) -> None:
    headers = await rig.owner()
    for files in ({"music": ("a.mp3", b"x")}, {"file": (None, b"only text")}):
        answer = await rig.client.post("/v1/tracks", files=files, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert "`file`" in answer.json()["message"]
    assert left_behind(rig) == []


async def test_other_fields_of_the_form_are_passed_over(rig: Rig) -> None:
    files = {"note": (None, b"for the party"), "file": ("a.mp3", b"music")}
    answer = await rig.client.post("/v1/tracks", files=files, headers=await rig.owner())
    assert answer.status_code == 202
    [kept] = left_behind(rig)
    assert kept.read_bytes() == b"music"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unsupported"),
        ("audio/mpeg", b"ID3", 415, "unsupported"),
        ("multipart/form-data", b"", 400, "invalid"),
        ("multipart/form-data; boundary=", b"", 400, "invalid"),
        ("multipart/form-data; boundary=xyz", b"", 400, "invalid"),
        ("multipart/form-data; boundary=xyz", b"no form at all", 400, "invalid"),
        ("multipart/form-data; boundary=xyz", b"--xyz--\r\n", 400, "invalid"),
        (
            "multipart/form-data; boundary=xyz",
            b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nhalf a file',
            400,
            "invalid",
        ),
        ("multipart/form-data; boundary=xyz", b"--xyz\r\n" + b"x" * 100_000, 400, "invalid"),
    ],
    ids=["json", "raw", "no boundary", "empty boundary", "empty", "text", "no parts", "half", "endless header"],
)
async def test_what_is_no_whole_form_is_refused_and_leaves_nothing(
    rig: Rig, content_type: str, body: bytes, status: int, code: str
) -> None:
    headers = {**await rig.owner(), "Content-Type": content_type}
    answer = await rig.client.post("/v1/tracks", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert left_behind(rig) == []


@pytest.mark.parametrize(
    ("given", "title"),
    [("../../etc/passwd.mp3", "passwd"), ("C:\\Music\\song.mp3", "song"), ("a\x00b.mp3", "ab"), ("/", "upload")],
)
async def test_a_file_name_is_only_a_name(rig: Rig, given: str, title: str) -> None:
    disposition = b'form-data; name="file"; filename="' + given.encode() + b'"'
    body = b"--xyz\r\nContent-Disposition: " + disposition + b"\r\n\r\nmusic\r\n--xyz--\r\n"
    headers = {**await rig.owner(), "Content-Type": "multipart/form-data; boundary=xyz"}
    answer = await rig.client.post("/v1/tracks", content=body, headers=headers)
    track = (await rig.client.get(f"/v1/tracks/{answer.json()['id']}", headers=headers)).json()
    assert track["title"] == title
    [kept] = left_behind(rig)
    assert kept.parent == rig.data / "uploads"


async def test_a_full_disk_is_named_and_leaves_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "_sync", full)
    status, body = await sent(rig, b"music")
    assert (status, body["code"]) == (507, "disk_full")
    assert "make room" in str(body["message"])
    assert left_behind(rig) == []


async def test_a_track_that_nobody_knows_is_not_found(rig: Rig) -> None:
    headers = await rig.owner()
    for answer in (
        await rig.client.get("/v1/tracks/12345", headers=headers),
        await rig.client.post("/v1/tracks/12345/encode", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tracks/abc",
        "/v1/tracks/-1",
        "/v1/tracks/99999999999999999999",
        "/v1/tracks/9999999999999999999",
        "/v1/tracks?limit=0",
        "/v1/tracks?limit=101",
        "/v1/tracks?limit=ten",
        "/v1/tracks?cursor=nonsense",
        "/v1/tracks?cursor=%F0%9F%8E%B5",
        "/v1/tracks?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkgYQ==",
    ],
)
async def test_an_id_a_limit_or_a_cursor_that_is_none_is_invalid(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path, headers=await rig.owner())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_start_throws_away_what_a_killed_server_left_half_uploaded(tmp_path: Path) -> None:
    (tmp_path / f"{uploads.INCOMING}1").write_bytes(b"half a song")
    kept = tmp_path / "118642240670138368.mp3"
    kept.write_bytes(b"a song")
    assert uploads.forget_abandoned(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [kept]
    assert uploads.forget_abandoned(tmp_path / "nowhere") == 0
