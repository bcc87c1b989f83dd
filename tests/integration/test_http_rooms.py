"""Rooms and their chat over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from http_rig import Rig, opened
from whatssound.accounts.user import User
from whatssound.ids import RoomId
from whatssound.wire import commands


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        yield rig


async def say(rig: Rig, room: dict[str, Any], text: str) -> str:
    owner = await rig.services.accounts.owner()
    command = commands.ChatSend(text=text, nonce=text)
    return (await rig.services.rooms.run(RoomId(int(room["room"]["id"])), owner, command, device=None))["id"]


async def texts(rig: Rig, path: str) -> tuple[list[str], bool]:
    page = (await rig.client.get(path, headers=rig.reader())).json()
    return [message["text"] for message in page["messages"]], page["has_more"]


async def test_the_owner_opens_a_room_and_anybody_with_a_token_finds_it(rig: Rig) -> None:
    answer = await rig.client.post("/v1/rooms", json={"title": "Friday"}, headers=await rig.owner())
    assert answer.status_code == 201
    room = answer.json()
    assert room["room"]["title"] == "Friday"
    assert room["room"]["settings"] == {"listed": False, "when_dj_gone": "auto_dj", "allow_saving": False}
    assert room["listeners"] == 7
    assert room["queue"]["entries"] == []
    for headers in (await rig.guest(), rig.reader()):
        for name in (room["room"]["id"], room["room"]["slug"]):
            assert (await rig.client.get(f"/v1/rooms/{name}", headers=headers)).json()["room"] == room["room"]


async def test_a_guest_opens_no_room(rig: Rig) -> None:
    answer = await rig.client.post("/v1/rooms", json={"title": "Friday"}, headers=await rig.guest())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "You need an invitation" in answer.json()["message"]


async def test_the_list_shows_listed_rooms_to_all_and_one_s_own_to_oneself(rig: Rig) -> None:
    await rig.room("Secret")
    await rig.room("Open", listed=True)

    async def titles(headers: dict[str, str] | None) -> list[str]:
        rooms = (await rig.client.get("/v1/rooms", headers=headers)).json()["rooms"]
        return [room["room"]["title"] for room in rooms]

    assert await titles(None) == ["Open"]
    assert await titles(await rig.guest()) == ["Open"]
    assert await titles(await rig.owner()) == ["Open", "Secret"]
    bad = await rig.client.get("/v1/rooms", headers={"Authorization": "Bearer nonsense"})
    assert bad.status_code == 401


async def test_the_dj_changes_what_they_name_and_nothing_else(rig: Rig) -> None:
    room = await rig.room("Friday")
    path, owner = f"/v1/rooms/{room['room']['slug']}", await rig.owner()
    changed = (await rig.client.patch(path, json={"title": "Saturday"}, headers=owner)).json()
    assert (changed["room"]["title"], changed["room"]["settings"]["listed"]) == ("Saturday", False)
    changed = (await rig.client.patch(path, json={"settings": {"listed": True}}, headers=owner)).json()
    assert (changed["room"]["title"], changed["room"]["settings"]["listed"]) == ("Saturday", True)


async def test_the_dj_ends_a_room_for_good(rig: Rig) -> None:
    room = await rig.room("Friday", listed=True)
    path, owner = f"/v1/rooms/{room['room']['slug']}", await rig.owner()
    ended = await rig.client.patch(path, json={"state": "ended"}, headers=owner)
    assert ended.json()["room"]["state"] == "ended"
    again = await rig.client.patch(path, json={"title": "Saturday"}, headers=owner)
    assert (again.status_code, again.json()["code"]) == (410, "ended")
    assert (await rig.client.get("/v1/rooms", headers=owner)).json()["rooms"] == []


async def test_nobody_else_changes_a_room(rig: Rig) -> None:
    room = await rig.room("Friday")
    answer = await rig.client.patch(
        f"/v1/rooms/{room['room']['slug']}", json={"title": "Mine"}, headers=await rig.guest()
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_banned_person_sees_neither_room_nor_chat(rig: Rig) -> None:
    room = await rig.room("Friday")
    headers = await rig.guest("Troll")
    troll = (await rig.client.get("/v1/me", headers=headers)).json()
    owner = await rig.services.accounts.owner()
    ban = commands.MemberBan(user_id=troll["id"])
    await rig.services.rooms.run(RoomId(int(room["room"]["id"])), owner, ban, device=None)
    for path in ("", "/messages"):
        answer = await rig.client.get(f"/v1/rooms/{room['room']['slug']}{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "banned")


async def test_the_chat_is_read_in_pages_from_both_ends(rig: Rig) -> None:
    room = await rig.room("Friday")
    ids = [await say(rig, room, text) for text in "abcdef"]
    path = f"/v1/rooms/{room['room']['slug']}/messages"
    assert await texts(rig, path) == (list("fedcba"), False)
    assert await texts(rig, f"{path}?limit=2") == (["f", "e"], True)
    assert await texts(rig, f"{path}?before={ids[2]}") == (["b", "a"], False)
    assert await texts(rig, f"{path}?after={ids[2]}&limit=2") == (["e", "d"], True)
    assert (await texts(rig, f"{path}?around={ids[3]}&limit=3"))[0] == ["e", "d", "c"]


async def test_a_message_shows_who_said_it(rig: Rig) -> None:
    room = await rig.room("Friday")
    await say(rig, room, "hello")
    answer = await rig.client.get(f"/v1/rooms/{room['room']['id']}/messages", headers=rig.reader())
    [message] = answer.json()["messages"]
    owner: User = await rig.services.accounts.owner()
    assert message["user"] == {"id": str(owner.id), "name": "DJ", "role": "dj"}


@pytest.mark.parametrize(
    "query", ["before=1&after=2", "around=1&before=2", "before=x", "before=-1", "limit=0", "limit=101", "limit=many"]
)
async def test_a_page_that_makes_no_sense_is_invalid(rig: Rig, query: str) -> None:
    room = await rig.room("Friday")
    answer = await rig.client.get(f"/v1/rooms/{room['room']['slug']}/messages?{query}", headers=rig.reader())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("path", ["/v1/rooms/nowhere", "/v1/rooms/12345", "/v1/rooms/nowhere/messages"])
async def test_a_room_that_does_not_exist_is_not_found(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path, headers=rig.reader())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/rooms/x", "/v1/rooms/x/messages"])
async def test_reading_a_room_needs_a_token(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_who_keeps_order_sees_the_moderators_and_who_is_muted_or_banned(rig: Rig) -> None:
    room, dj = await rig.room("Friday"), await rig.services.accounts.owner()
    people = {name: await rig.guest(name) for name in ("Ana", "Troll", "Ben")}
    ids = {name: (await rig.client.get("/v1/me", headers=headers)).json()["id"] for name, headers in people.items()}
    for command in (
        commands.MemberRole(user_id=ids["Ana"], role="moderator"),
        commands.MemberBan(user_id=ids["Troll"]),
        commands.MemberBan(user_id=ids["Ben"]),
        commands.MemberBan(user_id=ids["Ben"], banned=False),
    ):
        await rig.services.rooms.run(RoomId(int(room["room"]["id"])), dj, command, device=None)
    path = f"/v1/rooms/{room['room']['slug']}/members"
    answer = (await rig.client.get(path, headers=people["Ana"])).json()
    assert [(m["user"]["name"], m["role"], m.get("banned", False)) for m in answer["members"]] == [
        ("Ana", "moderator", False),
        ("Troll", "listener", True),
    ]
    for headers, status in ((await rig.owner(), 200), (people["Ben"], 403), (people["Troll"], 403), ({}, 401)):
        assert (await rig.client.get(path, headers=headers)).status_code == status


async def test_a_new_guest_from_the_home_of_the_banned_reads_neither_room_nor_chat(rig: Rig) -> None:
    room = await rig.room("Friday")
    id, troll = RoomId(int(room["room"]["id"])), (await rig.services.accounts.guest("Troll"))[0]
    rig.services.rooms.visited(id, troll.id, "203.0.113.9")
    ban = commands.MemberBan(user_id=str(troll.id))
    await rig.services.rooms.run(id, await rig.services.accounts.owner(), ban, device=None)
    rig.time.now_ms += 1
    headers = await rig.guest("Somebody Else")
    for path in ("", "/messages"):
        answer = await rig.client.get(f"/v1/rooms/{room['room']['slug']}{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "banned")
        assert answer.json()["details"]["until_ms"] > rig.time.now_ms
