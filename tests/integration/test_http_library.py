"""The library over HTTP: albums, artists, what a scan finds, who may see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_rig import Rig, opened
from library_folder import Music
from whatssound.audio.rescans import Rescans
from whatssound.ids import RoomId
from whatssound.wire.commands import PlaybackPlay, QueueAdd


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path / "data", encoding=True) as rig:
        yield rig


@pytest.fixture
async def scanned(rig: Rig, music: Music, tmp_path: Path) -> Rig:
    folder = tmp_path / "music"
    for n, title in enumerate(("Uno", "Dos")):
        tags = {"title": title, "artist": "Ana", "album": "Números", "tracknumber": n + 1, "date": 2001}
        music.file(folder / "Ana" / f"{n}.ogg", pitch_hz=200.0 + n, **tags)
    music.file(folder / "Eva" / "Letras" / "01 Á.ogg", pitch_hz=300.0)
    rescans = Rescans([folder], rig.services.library.scanner, every_s=None, now_ms=rig.time)
    await rescans.scan()
    return rig


async def test_albums_artists_and_their_tracks_are_listed(scanned: Rig) -> None:
    owner = await scanned.owner()
    albums = (await scanned.client.get("/v1/albums", headers=owner)).json()
    assert [(a["title"], a["artist"], a.get("year"), a["tracks"]) for a in albums["albums"]] == [
        ("Letras", "Eva", None, 1),
        ("Números", "Ana", 2001, 2),
    ]
    assert albums["total"] == 2
    tracks = (
        await scanned.client.get("/v1/tracks", params={"album": albums["albums"][1]["key"]}, headers=owner)
    ).json()["tracks"]
    assert [(t["title"], t["track_number"], t["year"], t["source"]) for t in tracks] == [
        ("Uno", 1, 2001, "library"),
        ("Dos", 2, 2001, "library"),
    ]
    artists = (await scanned.client.get("/v1/artists", params={"q": "av ev"}, headers=owner)).json()
    assert artists == {"artists": [], "total": 0}
    artists = (await scanned.client.get("/v1/artists", params={"limit": 1}, headers=owner)).json()
    assert artists["artists"] == [{"name": "Ana", "albums": 1, "tracks": 2}]
    rest = (await scanned.client.get("/v1/artists", params={"cursor": artists["next"]}, headers=owner)).json()
    assert [artist["name"] for artist in rest["artists"]] == ["Eva"]
    of_ana = (await scanned.client.get("/v1/tracks", params={"artist": "Ana"}, headers=owner)).json()
    assert [track["title"] for track in of_ana["tracks"]] == ["Dos", "Uno"]
    of_eva = (await scanned.client.get("/v1/albums", params={"artist": "Eva", "q": "letr"}, headers=owner)).json()
    assert [album["title"] for album in of_eva["albums"]] == ["Letras"]


async def test_the_state_of_the_library_is_in_one_place(scanned: Rig) -> None:
    state = (await scanned.client.get("/v1/library", headers=await scanned.owner())).json()
    assert (state["tracks"], state["offline"]) == (3, 0)
    assert state["encodes"]["running"] == state["encodes"]["failed"] == state["scans"] == []


async def test_what_is_encoded_and_what_failed_stands_there_too(scanned: Rig) -> None:
    owner = await scanned.owner()
    second = (await scanned.services.library.page()).tracks[1]
    await scanned.services.library._store.change(  # pyright: ignore[reportPrivateUsage]
        second.id, {"status": "failed", "reason": "It is silent."}
    )
    state = (await scanned.client.get("/v1/library", headers=owner)).json()
    assert state["encodes"]["failed"] == [
        {"track_id": str(second.id), "title": second.title, "reason": "It is silent."}
    ]
    assert state["encodes"]["held"] is None
    assert state["cache"] == {"bytes": 0, "limit_bytes": 10**12}


async def test_tracks_say_when_they_were_last_played_in_a_room(scanned: Rig) -> None:
    owner = await scanned.owner()
    room = (await scanned.room())["room"]
    other = (await scanned.room("Another"))["room"]
    playing = (await scanned.services.library.page("uno")).tracks[0]
    dj = await scanned.services.accounts.owner()
    id = RoomId(int(room["id"]))
    await scanned.services.rooms.run(id, dj, QueueAdd(str(playing.id), "n"), device="d")
    await scanned.services.rooms.run(id, dj, PlaybackPlay(), device="d")
    scanned.time.now_ms += 5_000

    async def played(**query: str) -> dict[str, int | None]:
        answer = await scanned.client.get("/v1/tracks", params=query, headers=owner)
        return {track["title"]: track.get("played_ms") for track in answer.json()["tracks"]}

    heard = await played(room=room["id"])
    assert heard.pop("Uno") == pytest.approx(scanned.time.now_ms - 5_000, abs=5_000)
    assert set(heard.values()) == {None}
    assert await played(room=room["slug"], q="uno") == {"Uno": pytest.approx(scanned.time.now_ms, abs=10_000)}
    assert set((await played(room=other["id"])).values()) == set((await played()).values()) == {None}
    assert (await scanned.client.get("/v1/tracks?room=nowhere", headers=owner)).status_code == 404


async def test_only_the_owner_asks_for_a_scan_and_only_who_may_browse_looks(scanned: Rig) -> None:
    guest, owner = await scanned.guest(), await scanned.owner()
    assert (await scanned.client.post("/v1/library/scan", headers=owner)).status_code == 202
    assert (await scanned.client.post("/v1/library/scan", headers=guest)).status_code == 403
    for path in ("/v1/library", "/v1/albums", "/v1/artists", "/v1/tracks"):
        assert (await scanned.client.get(path, headers=guest)).status_code == 403
        assert (await scanned.client.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/v1/albums", "/v1/artists"])
@pytest.mark.parametrize("query", ["cursor=x", "limit=0", "limit=101", "cursor=WyJhIiwxXQ=="])
async def test_a_limit_or_a_cursor_that_is_none_is_invalid(rig: Rig, path: str, query: str) -> None:
    answer = await rig.client.get(f"{path}?{query}", headers=await rig.owner())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


async def test_an_upload_is_shown_as_ones_own(rig: Rig) -> None:
    owner, guest = await rig.owner(), await rig.guest()
    files = {"file": ("a.mp3", b"music")}
    id = (await rig.client.post("/v1/tracks", files=files, headers=owner)).json()["id"]
    assert (await rig.client.get(f"/v1/tracks/{id}", headers=owner)).json()["source"] == "upload"
    assert "mine" not in (await rig.client.get(f"/v1/tracks/{id}", headers=guest)).json()
