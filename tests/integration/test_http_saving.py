"""Taking a track along as Ogg Vorbis, and taking an upload away: who may, and what they get."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mutagen.oggvorbis import OggVorbis

from http_rig import Rig, bearer, opened
from music import make_wav
from whatssound.adapters.library_catalog import LibraryCatalog
from whatssound.ids import TrackId
from whatssound.wire import commands

SECONDS = 5.4321
SAMPLES = round(SECONDS * 44_100)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, encoding=True) as rig:
        yield rig


async def uploaded(rig: Rig, headers: dict[str, str], name: str = "Niño.wav", *, seconds: float = SECONDS) -> str:
    """The id of a new upload, once it is encoded."""
    wav = await asyncio.to_thread(lambda: make_wav(rig.data / "made.wav", seconds=seconds).read_bytes())
    accepted = await rig.client.post("/v1/tracks", files={"file": (name, wav)}, headers=headers)
    track_id: str = accepted.json()["id"]
    await until(rig, track_id, "ready")
    return track_id


async def until(rig: Rig, track_id: str, status: str) -> None:
    """Return once the track is in that state."""
    changed = asyncio.Event()
    rig.services.library.on_changed(lambda _: changed.set())
    while (await rig.services.library.get(TrackId(int(track_id)))).status != status:
        await changed.wait()
        changed.clear()


async def playing_in(rig: Rig, track_id: str, **settings: Any) -> str:
    """A room of the owner's whose queue has the track."""
    room = (await rig.room(**settings))["room"]
    owner = await rig.services.accounts.owner()
    add = commands.QueueAdd(track_id=track_id, nonce="n")
    await rig.services.rooms.run(int(room["id"]), owner, add, device="desk")  # pyright: ignore[reportArgumentType]
    return room["id"]


async def test_the_owner_gets_the_whole_track_with_its_name_and_length(rig: Rig, tmp_path: Path, ffmpeg: Path) -> None:
    owner = await rig.owner()
    track_id = await uploaded(rig, owner)
    answer = await rig.client.get(f"/v1/tracks/{track_id}/ogg", headers=owner)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/ogg")
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Ni%C3%B1o.ogg")
    file = tmp_path / "saved.ogg"
    await asyncio.to_thread(file.write_bytes, answer.content)
    stream = await asyncio.to_thread(probed, file)
    assert (stream["codec_name"], stream["sample_rate"], stream["channels"]) == ("vorbis", "44100", 2)
    assert stream["duration_ts"] == SAMPLES
    assert OggVorbis(str(file))["title"] == ["Niño"]


def probed(file: Path) -> dict[str, Any]:
    """What ffprobe says of the stream. Any warning fails the test."""
    command = ["ffprobe", "-v", "warning", "-of", "json", "-show_streams", file]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stderr == "", answer.stderr
    return json.loads(answer.stdout)["streams"][0]


async def test_a_part_is_sent_alone_and_what_is_known_is_not_sent_again(rig: Rig) -> None:
    owner = await rig.owner()
    path = f"/v1/tracks/{await uploaded(rig, owner)}/ogg"
    whole = await rig.client.get(path, headers=owner)
    part = await rig.client.get(path, headers={**owner, "Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"OggS")
    again = await rig.client.get(path, headers={**owner, "If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    head = await rig.client.head(path, headers=owner)
    assert int(head.headers["content-length"]) == len(whole.content)


async def test_listeners_save_what_a_room_plays_when_its_dj_allows_it(rig: Rig) -> None:
    track_id = await uploaded(rig, await rig.owner())
    other_id = await uploaded(rig, await rig.owner(), seconds=0.5)
    ana = await rig.guest()
    closed = await playing_in(rig, track_id)
    free = await playing_in(rig, track_id, allow_saving=True)

    async def saving(track: str, room: str | None) -> int:
        query = {} if room is None else {"room": room}
        return (await rig.client.get(f"/v1/tracks/{track}/ogg", params=query, headers=ana)).status_code

    assert await saving(track_id, None) == 403
    assert await saving(track_id, closed) == 403
    assert await saving(other_id, free) == 403
    assert await saving(track_id, free) == 200
    assert (await rig.client.get(f"/v1/tracks/{track_id}/ogg", params={"room": free})).status_code == 401


async def test_an_uploader_removes_their_own_tracks_only(rig: Rig) -> None:
    accounts = rig.services.accounts
    ana = bearer(accounts.token_for(await accounts.account("Ana", "invited"), "invited"))
    leo = bearer(accounts.token_for(await accounts.account("Leo", "invited"), "invited"))
    mine, others = await uploaded(rig, ana, seconds=0.5), await uploaded(rig, leo, seconds=0.6)
    assert (await rig.client.delete(f"/v1/tracks/{others}", headers=ana)).status_code == 403
    assert (await rig.client.delete(f"/v1/tracks/{mine}", headers=ana)).status_code == 204
    assert (await rig.client.delete(f"/v1/tracks/{mine}", headers=ana)).status_code == 404
    assert (await rig.client.get(f"/v1/tracks/{mine}", headers=ana)).status_code == 404
    assert (await rig.client.delete(f"/v1/tracks/{others}", headers=await rig.owner())).status_code == 204
    assert await asyncio.to_thread(lambda: [path for path in (rig.data / "blobs").rglob("*") if path.is_file()]) == []


async def test_a_removed_track_leaves_rooms_that_nobody_has_in_memory_too(rig: Rig) -> None:
    owner = await rig.owner()
    track_id = await uploaded(rig, owner, seconds=0.5)
    known = await rig.services.library.get(TrackId(int(track_id)))
    await rig.client.delete(f"/v1/tracks/{track_id}", headers=owner)
    (now,) = await LibraryCatalog(rig.services.library).current([known.id])
    assert now.failed


async def test_what_was_rejected_can_be_removed(rig: Rig) -> None:
    owner = await rig.owner()
    accepted = await rig.client.post("/v1/tracks", files={"file": ("x.mp3", b"no music")}, headers=owner)
    path = f"/v1/tracks/{accepted.json()['id']}"
    await until(rig, accepted.json()["id"], "failed")
    status = (await rig.client.get("/v1/library", headers=owner)).json()
    assert [failed["reason"] for failed in status["encodes"]["failed"]] == [
        "This file holds no audio that we can read."
    ]
    assert (await rig.client.delete(path, headers=owner)).status_code == 204
    assert (await rig.client.get("/v1/library", headers=owner)).json()["encodes"]["failed"] == []


async def test_a_file_of_a_folder_is_not_ours_to_remove(rig: Rig, tmp_path: Path) -> None:
    file = await asyncio.to_thread(make_wav, tmp_path / "folder.wav", seconds=0.5)
    track = await rig.services.library.take(file, "library")
    answer = await rig.client.delete(f"/v1/tracks/{track.id}", headers=await rig.owner())
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "remove the file there" in answer.json()["message"]
    assert file.exists()


async def test_uploads_count_for_their_owner_until_they_go(rig: Rig) -> None:
    accounts = rig.services.accounts
    person = await accounts.account("Ana", "invited")
    ana = bearer(accounts.token_for(person, "invited"))
    await uploaded(rig, ana, seconds=0.5)
    await uploaded(rig, ana, seconds=0.6)
    assert await rig.services.library.used_bytes(person.id) > 100_000
    assert await rig.services.library.remove_uploads_of(person.id) == 2
    assert await rig.services.library.used_bytes(person.id) == 0
