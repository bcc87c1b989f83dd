"""A backup of a running server brings everything acknowledged back, and a bad one brings nothing."""

import asyncio
import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from clients import SocketClient
from music import make_wav
from servers import ServerProcess

pytestmark = pytest.mark.slow

TALKATIVE = [
    f"--{limit}=100000"
    for limit in ("chat-user-per-10s", "chat-room-per-s", "socket-events-per-second", "socket-events-burst")
]


def whatssound(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "whatssound", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def refused(*arguments: str | Path) -> str:
    ended = whatssound(*arguments)
    assert ended.returncode == 1, ended
    (line,) = ended.stderr.splitlines()
    return line


@dataclass
class Evening:
    """What went on at a server while it was saved."""

    archive: Path
    room: dict[str, Any]
    track: dict[str, Any]
    acknowledged: list[str]
    refresh_token: str
    access_token: str


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("evening")
    with ServerProcess(folder / "data", *TALKATIVE) as server:
        ana = server.call("POST", "/v1/auth/owner", {"code": server.owner_code})
        song = make_wav(folder / "Kept.wav", seconds=5)
        with song.open("rb") as file:
            headers = {"Authorization": f"Bearer {ana['access_token']}"}
            track = httpx.post(f"{server.url}/v1/tracks", files={"file": file}, headers=headers, timeout=60).json()
        room = server.call("POST", "/v1/rooms", {"title": "Saved"}, token=ana["access_token"])["room"]
        acknowledged = asyncio.run(saved_while_talking(server, room, folder / "saved.tar.gz"))
    return Evening(folder / "saved.tar.gz", room, track, acknowledged, ana["refresh_token"], ana["access_token"])


async def saved_while_talking(server: ServerProcess, room: dict[str, Any], archive: Path) -> list[str]:
    """Three people talk all the time; the messages that were acknowledged before the backup began."""
    topic, said = f"room:{room['id']}", list[str]()
    tokens = {name: server.guest(name)["access_token"] for name in ("Ana", "Ben", "Cleo")}

    async def talk(name: str, done: asyncio.Event, enough: asyncio.Event) -> None:
        async with SocketClient(server.url, tokens[name]) as socket:
            await socket.join(topic)
            for count in range(10_000):
                if done.is_set():
                    return
                answer = await socket.push(topic, "chat:send", text=f"{name} {count}", nonce=str(count))
                said.append(answer["id"])
                if len(said) >= 60:
                    enough.set()

    done, enough = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in tokens:
            group.create_task(talk(name, done, enough))
        await enough.wait()
        before = list(said)
        command = [sys.executable, "-m", "whatssound", "backup", str(archive), "--data", str(server.data)]
        saving = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await saving.wait() == 0
        assert len(said) > len(before), "nobody talked while it was saved"
        done.set()
    return before


@pytest.fixture(scope="module")
def restored(evening: Evening, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """A server over the restored folder, elsewhere."""
    data = tmp_path_factory.mktemp("elsewhere") / "data"
    ended = whatssound("restore", evening.archive, "--data", data)
    assert ended.returncode == 0, ended.stderr
    assert f"whatssound serve --data {data}" in ended.stdout
    return ServerProcess(data)


def test_a_restored_server_has_all_that_was_acknowledged_before_the_backup(
    evening: Evening, restored: ServerProcess
) -> None:
    with restored as server:
        token = server.token("owner")
        found, page = set[str](), f"/v1/rooms/{evening.room['id']}/messages?limit=100"
        answer = server.call("GET", page, token=token)
        while answer["messages"]:
            found |= {message["id"] for message in answer["messages"]}
            answer = server.call("GET", f"{page}&before={answer['messages'][-1]['id']}", token=token)
        assert set(evening.acknowledged) <= found
        assert server.call("GET", f"/v1/rooms/{evening.room['slug']}", token=token)["room"]["id"] == evening.room["id"]


def test_people_are_still_signed_in_and_uploads_play(evening: Evening, restored: ServerProcess) -> None:
    with restored as server:
        assert server.call("GET", "/v1/me", token=evening.access_token)["role"] == "owner"
        again = server.call("POST", "/v1/auth/refresh", {"refresh_token": evening.refresh_token})
        track = server.call("GET", f"/v1/tracks/{evening.track['id']}", token=again["access_token"])
        answer = httpx.get(f"{server.url}{track['hls']}", timeout=60)
        while answer.status_code == 503:
            answer = httpx.get(f"{server.url}{track['hls']}", timeout=60)
        assert answer.text.startswith("#EXTM3U"), answer.text


def test_a_backup_is_for_its_owner_s_eyes(evening: Evening) -> None:
    assert evening.archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in evening.archive.parent.glob(".*")] == []


def test_it_holds_no_encoded_audio(evening: Evening) -> None:
    with tarfile.open(evening.archive) as archive:
        names = archive.getnames()
    assert {"secret", "whatssound.sqlite3", "messages.sqlite3", "manifest.json"} <= set(names)
    assert any(name.startswith("uploads/") for name in names)
    assert not [name for name in names if name.startswith("blobs/") and not name.startswith("blobs/covers/")]


def test_a_backup_never_overwrites(evening: Evening, tmp_path: Path) -> None:
    taken = tmp_path / "taken.tar.gz"
    taken.write_text("precious")
    data = evening.archive.parent / "data"
    assert "exists already" in refused("backup", taken, "--data", data)
    assert taken.read_text() == "precious"


@pytest.mark.parametrize(("name", "advice"), [("saved.zip", ".tar.gz"), ("nowhere/saved.tar.gz", "no folder")])
def test_a_backup_that_cannot_be_made_says_why(evening: Evening, tmp_path: Path, name: str, advice: str) -> None:
    assert advice in refused("backup", tmp_path / name, "--data", evening.archive.parent / "data")
    assert "nothing to back up" in refused("backup", tmp_path / "saved.tar", "--data", tmp_path / "empty")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(evening: Evening, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("precious")
    assert "not empty" in refused("restore", evening.archive, "--data", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["song.mp3"]


def test_an_empty_folder_is_filled(evening: Evening, tmp_path: Path) -> None:
    assert whatssound("restore", evening.archive, "--data", tmp_path).returncode == 0
    assert (tmp_path / "whatssound.sqlite3").is_file()


def rewritten(
    source: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]
) -> None:
    """The archive with some of its members changed or left out."""
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            changed = change(member, file.read())
            if changed is not None:
                changed[0].size = len(changed[1])
                new.addfile(changed[0], io.BytesIO(changed[1]))


def flipped(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if info.name == "messages.sqlite3":
        middle = len(data) // 2
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    return info, data


def without_uploads(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes] | None:
    return None if info.name.startswith("uploads/") else (info, data)


def leading_out(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if info.name == "secret":
        info.name = "../secret"
    return info, data


def linking_out(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if info.name == "secret":
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
    return info, b"" if info.issym() else data


def of_a_newer_version(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if info.name == "manifest.json":
        data = msgspec.json.encode({**msgspec.json.decode(data), "schema": "9999", "version": "9.9"})
    return info, data


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (flipped, "damaged"),
        (without_uploads, "damaged"),
        (leading_out, "should not be in it"),
        (linking_out, "should not be in it"),
        (of_a_newer_version, "newer WhatsSound (9.9)"),
    ],
)
@pytest.mark.parametrize("was_there", [True, False])
def test_a_bad_backup_restores_nothing(
    evening: Evening, tmp_path: Path, change: Any, advice: str, *, was_there: bool
) -> None:
    bad, data = tmp_path / "bad.tar.gz", tmp_path / "data"
    rewritten(evening.archive, bad, change)
    if was_there:
        data.mkdir()
    assert advice in refused("restore", bad, "--data", data)
    assert data.exists() == was_there
    assert sorted(path.name for path in tmp_path.rglob("*")) == (
        ["bad.tar.gz", "data"] if was_there else ["bad.tar.gz"]
    )


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_a_backup_that_ends_too_early_restores_nothing(evening: Evening, tmp_path: Path, keep: float) -> None:
    whole = evening.archive.read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: int(len(whole) * keep)])
    assert "damaged" in refused("restore", tmp_path / "cut.tar.gz", "--data", tmp_path / "data")
    plain = gzip.decompress(whole)  # ends in up to 10 KB of nothing, which nobody misses
    (tmp_path / "cut.tar").write_bytes(plain[: int((len(plain) - 10_240) * keep)])
    assert "damaged" in refused("restore", tmp_path / "cut.tar", "--data", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "noise.tar.gz").write_bytes(os.urandom(10_000))
    assert "damaged or no backup" in refused("restore", tmp_path / "noise.tar.gz", "--data", tmp_path / "data")
    assert "no file" in refused("restore", tmp_path / "gone.tar.gz", "--data", tmp_path / "data")
