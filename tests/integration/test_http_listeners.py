"""Who hears a room, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_rig import PRESENT, Rig, opened
from whatssound.ids import RoomId
from whatssound.wire import commands


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


async def test_whoever_may_see_the_room_pages_through_who_hears_it(rig: Rig) -> None:
    room = (await rig.room("Friday"))["room"]
    for headers in (await rig.guest(), rig.reader()):
        for name in (room["id"], room["slug"]):
            first = (await rig.client.get(f"/v1/rooms/{name}/listeners?limit=2", headers=headers)).json()
            path = f"/v1/rooms/{name}/listeners?limit=2&after={first['next']}"
            rest = (await rig.client.get(path, headers=headers)).json()
            assert (first["count"], rest["count"]) == (7, 7)
            assert [person["name"] for person in first["people"] + rest["people"]] == [each.name for each in PRESENT]
            assert [person["role"] for person in first["people"]] == ["listener", "moderator"]
            assert "next" not in rest


async def test_a_page_that_is_full_and_the_last_has_no_next(rig: Rig) -> None:
    room = (await rig.room("Friday"))["room"]
    path = f"/v1/rooms/{room['id']}/listeners?limit={len(PRESENT)}"
    assert "next" not in (await rig.client.get(path, headers=rig.reader())).json()


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "after=x", "after=-1", "after=99999999999999999999"])
async def test_nonsense_is_told(rig: Rig, query: str) -> None:
    room = (await rig.room("Friday"))["room"]
    answer = await rig.client.get(f"/v1/rooms/{room['id']}/listeners?{query}", headers=rig.reader())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


async def test_without_a_token_nobody_is_named(rig: Rig) -> None:
    room = (await rig.room("Friday"))["room"]
    assert (await rig.client.get(f"/v1/rooms/{room['id']}/listeners")).status_code == 401
    assert (await rig.client.get("/v1/rooms/nowhere/listeners", headers=rig.reader())).status_code == 404


async def test_who_is_banned_does_not_see_who_is_there(rig: Rig) -> None:
    room, accounts = (await rig.room("Friday"))["room"], rig.services.accounts
    ana, _ = await accounts.guest("Ana")
    ban = commands.MemberBan(user_id=str(ana.id))
    await rig.services.rooms.run(RoomId(int(room["id"])), await accounts.owner(), ban, device=None)
    headers = {"Authorization": f"Bearer {accounts.token_for(ana)}"}
    answer = await rig.client.get(f"/v1/rooms/{room['id']}/listeners", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "banned")
