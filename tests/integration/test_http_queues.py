"""Saved queues over HTTP: kept, found again, loaded into a room, and gone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from http_rig import Rig, opened
from whatssound.ids import RoomId
from whatssound.wire.commands import QueueAddMany
from whatssound.wire.errors import Refusal


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


async def uploaded(rig: Rig, *names: str) -> list[str]:
    """Ids of uploads; they wait to be encoded for ever."""
    headers = await rig.owner()
    files = [{"file": (f"{name}.wav", f"RIFF {name}".encode())} for name in names]
    return [(await rig.client.post("/v1/tracks", files=file, headers=headers)).json()["id"] for file in files]


async def saved(rig: Rig, name: str, ids: list[str]) -> dict[str, Any]:
    body = {"name": name, "track_ids": ids}
    answer = await rig.client.post("/v1/queues", json=body, headers=await rig.owner())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_queue_is_kept_with_its_order_and_listed_with_its_length(rig: Rig) -> None:
    a, b = await uploaded(rig, "Alpha", "Beta")
    kept = await saved(rig, "  Friday   night ", [b, a, b])
    headers = await rig.owner()
    assert kept["name"] == "Friday night"
    assert [track["title"] for track in kept["tracks"]] == ["Beta", "Alpha", "Beta"]
    assert (await rig.client.get(f"/v1/queues/{kept['id']}", headers=headers)).json() == kept
    [summary] = (await rig.client.get("/v1/queues", headers=headers)).json()["queues"]
    assert summary == {
        "id": kept["id"],
        "name": "Friday night",
        "count": 3,
        "missing": 0,
        "duration_ms": 0,
        "updated_ms": kept["updated_ms"],
    }


async def test_a_name_is_used_once_and_the_refusal_says_by_which_queue(rig: Rig) -> None:
    [a] = await uploaded(rig, "Alpha")
    kept, headers = await saved(rig, "Friday", [a]), await rig.owner()
    again = await rig.client.post("/v1/queues", json={"name": "FRIDAY", "track_ids": []}, headers=headers)
    assert (again.status_code, again.json()["code"], again.json()["details"]) == (409, "conflict", {"id": kept["id"]})
    body = {"name": "FRIDAY", "track_ids": [a, a]}
    replaced = await rig.client.put(f"/v1/queues/{kept['id']}", json=body, headers=headers)
    assert (replaced.json()["name"], len(replaced.json()["tracks"])) == ("FRIDAY", 2)


async def test_a_removed_track_is_shown_as_such_and_may_stay_but_not_come_in(rig: Rig) -> None:
    a, b = await uploaded(rig, "Alpha", "Beta")
    kept, headers = await saved(rig, "Friday", [a, b]), await rig.owner()
    assert (await rig.client.delete(f"/v1/tracks/{a}", headers=headers)).status_code == 204
    path = f"/v1/queues/{kept['id']}"
    gone, there = (await rig.client.get(path, headers=headers)).json()["tracks"]
    assert (gone["id"], gone["title"], gone["status"]) == (a, "Alpha", "failed")
    assert "removed" in gone["reason"]
    assert there["status"] != "failed"
    assert (await rig.client.get("/v1/queues", headers=headers)).json()["queues"][0]["missing"] == 1
    renamed = await rig.client.put(path, json={"name": "Later", "track_ids": [a, b]}, headers=headers)
    assert [track["title"] for track in renamed.json()["tracks"]] == ["Alpha", "Beta"]
    new = await rig.client.post("/v1/queues", json={"name": "New", "track_ids": [a, b]}, headers=headers)
    assert (new.status_code, new.json()["details"]) == (404, {"track_ids": [a]})


async def test_loading_names_what_is_missing_and_adds_the_rest_without_it(rig: Rig) -> None:
    a, b = await uploaded(rig, "Alpha", "Beta")
    kept = await saved(rig, "Friday", [a, b])
    await rig.client.delete(f"/v1/tracks/{a}", headers=await rig.owner())
    room, dj = RoomId(int((await rig.room())["room"]["id"])), await rig.services.accounts.owner()
    ids = [track["id"] for track in kept["tracks"]]
    with pytest.raises(Refusal, match="leave them out") as refused:
        await rig.services.rooms.run(room, dj, QueueAddMany(track_ids=ids, nonce="n"), device=None)
    missing = (refused.value.details or {})["track_ids"]
    assert missing == [a]
    rest = [id for id in ids if id not in missing]
    added = await rig.services.rooms.run(room, dj, QueueAddMany(track_ids=rest, nonce="m"), device=None)
    assert len(added["entry_ids"]) == 1


async def test_a_deleted_queue_is_gone_and_others_never_see_it(rig: Rig) -> None:
    [a] = await uploaded(rig, "Alpha")
    kept, headers, guest = await saved(rig, "Friday", [a]), await rig.owner(), await rig.guest()
    path = f"/v1/queues/{kept['id']}"
    assert (await rig.client.get("/v1/queues", headers=guest)).json() == {"queues": []}
    assert (await rig.client.get(path, headers=guest)).status_code == 404
    assert (await rig.client.delete(path, headers=guest)).status_code == 404
    assert (await rig.client.delete(path, headers=headers)).status_code == 204
    assert (await rig.client.delete(path, headers=headers)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "", "track_ids": []}, 400),
        ({"name": " \u200b ", "track_ids": []}, 400),
        ({"name": "x" * 81, "track_ids": []}, 400),
        ({"name": "x", "track_ids": ["1"] * 501}, 400),
        ({"name": "x", "track_ids": ["one"]}, 400),
        ({"name": "x", "track_ids": ["9223372036854775808"]}, 400),
        ({"name": "x"}, 400),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_what_is_wrong(rig: Rig, body: dict[str, Any], status: int) -> None:
    answer = await rig.client.post("/v1/queues", json=body, headers=await rig.owner())
    assert (answer.status_code, answer.json()["code"]) == (status, "invalid")


async def test_who_may_not_open_rooms_keeps_no_queues(rig: Rig) -> None:
    answer = await rig.client.post("/v1/queues", json={"name": "x", "track_ids": []}, headers=await rig.guest())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
