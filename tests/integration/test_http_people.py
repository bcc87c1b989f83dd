"""Accounts over HTTP: registering, signing in by name, invitations, passwords, leaving for good."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from http_rig import Rig, bearer, opened
from whatssound.config import Limits, People

PASSWORD = "Moonlight Sonata"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Everybody may make an account here."""
    limits = Limits(logins_per_minute=1_000)
    async with opened(tmp_path, limits=limits, people=People(may_register="anyone")) as rig:
        yield rig


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Rig]:
    """The default: accounts for the invited."""
    async with opened(tmp_path) as rig:
        yield rig


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def post(rig: Rig, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    return await rig.client.post(path, json=body, headers=headers)


async def register(rig: Rig, name: str = "Ana", **more: Any) -> dict[str, Any]:
    answer = await post(rig, "/v1/auth/register", {"name": name, "password": PASSWORD, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def invited_by_owner(rig: Rig, **request: int) -> dict[str, Any]:
    answer = await post(rig, "/v1/invitations", request, await rig.owner())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_who_registers_signs_in_by_name_later(rig: Rig) -> None:
    made = await register(rig, "Ana María")
    assert (made["user"]["name"], made["user"]["role"]) == ("Ana María", "user")
    again = await post(rig, "/v1/auth/login", {"name": " ANA  maría ", "password": PASSWORD})
    assert again.json()["user"] == made["user"]
    me = (await rig.client.get("/v1/me", headers=bearer(again.json()["access_token"]))).json()
    assert (me["id"], me["has_password"]) == (made["user"]["id"], True)


async def test_however_the_keyboard_spells_it_the_password_is_the_same(rig: Rig) -> None:
    await register(rig, password="Café del Mar")
    answer = await post(rig, "/v1/auth/login", {"name": "Ana", "password": "Cafe\u0301\u00a0ｄｅｌ Mar"})
    assert answer.status_code == 200


async def test_login_tells_nobody_which_names_exist(rig: Rig) -> None:
    await register(rig)
    await rig.guest("Gus")
    tries = [("Ana", "wrong password"), ("Nobody", PASSWORD), ("Gus", PASSWORD), ("\u200b", PASSWORD), ("Ana", "")]
    answers = [await post(rig, "/v1/auth/login", {"name": name, "password": word}) for name, word in tries]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


async def test_a_guest_becomes_an_account_and_stays_the_same_person(rig: Rig) -> None:
    guest = (await post(rig, "/v1/auth/guest", {"name": "Ana"})).json()
    headers = bearer(guest["access_token"])
    answer = await post(rig, "/v1/auth/register", {"name": "Ana", "password": PASSWORD}, headers)
    assert answer.json()["user"]["id"] == guest["user"]["id"]
    me = (await rig.client.get("/v1/me", headers=headers)).json()
    assert me["role"] == "user", "also for the token that was given to the guest"
    again = await post(rig, "/v1/auth/register", {"name": "Ana B", "password": PASSWORD}, headers)
    assert refused(again) == (409, "conflict")


async def test_a_name_that_somebody_has_is_refused_with_one_that_is_free(rig: Rig) -> None:
    await rig.guest("Ana")
    answer = await post(rig, "/v1/auth/register", {"name": "ana", "password": PASSWORD})
    assert refused(answer) == (409, "conflict")
    assert answer.json()["details"] == {"free": "ana 2"}


@pytest.mark.parametrize("password", ["short", "ana maría", "password123", "aaaaaaaaaa", "ä" * 600, "tab\there it is"])
async def test_a_password_that_is_none_is_refused_with_the_reason(rig: Rig, password: str) -> None:
    answer = await post(rig, "/v1/auth/register", {"name": "Ana María", "password": password})
    assert refused(answer) == (400, "invalid")
    assert "assword" in answer.json()["message"]


async def test_by_default_an_account_needs_an_invitation(closed: Rig) -> None:
    wanted = {"name": "Ana", "password": PASSWORD}
    assert refused(await post(closed, "/v1/auth/register", wanted)) == (403, "forbidden")
    code = (await invited_by_owner(closed))["code"]
    answer = await post(closed, "/v1/auth/register", {**wanted, "invitation": code})
    assert answer.json()["user"]["role"] == "invited"
    assert {"upload", "open_room"} <= set(answer.json()["user"]["may"])
    again = await post(closed, "/v1/auth/register", {**wanted, "name": "Ben", "invitation": code})
    assert refused(again) == (404, "not_found")


async def test_where_nobody_may_register_an_invitation_does_not_help(tmp_path: Path) -> None:
    async with opened(tmp_path, people=People(may_register="nobody")) as rig:
        code = (await invited_by_owner(rig))["code"]
        answer = await post(rig, "/v1/auth/register", {"name": "Ana", "password": PASSWORD, "invitation": code})
        assert refused(answer) == (403, "forbidden")


async def test_an_invitation_says_who_invites_and_its_code_is_shown_once(rig: Rig) -> None:
    made = await invited_by_owner(rig, uses=3, days=2)
    assert made["path"] == f"/#invite={made['code']}"
    assert (made["uses_left"], made["expires_ms"]) == (3, int(rig.time.now_ms) + 2 * 86_400_000)
    check = (await rig.client.get(f"/v1/invitations/check/{made['code']}")).json()
    assert check == {"invited_by": "DJ", "expires_ms": made["expires_ms"]}
    listed = (await rig.client.get("/v1/invitations", headers=await rig.owner())).json()
    assert listed == {"invitations": [{"id": made["id"], "uses_left": 3, "expires_ms": made["expires_ms"]}]}


async def test_only_the_owner_invites(rig: Rig) -> None:
    ana = bearer((await register(rig))["access_token"])
    made = await invited_by_owner(rig)
    assert refused(await post(rig, "/v1/invitations", {}, ana)) == (403, "forbidden")
    assert refused(await rig.client.get("/v1/invitations", headers=ana)) == (403, "forbidden")
    assert refused(await rig.client.delete(f"/v1/invitations/{made['id']}", headers=ana)) == (403, "forbidden")


async def test_an_account_accepts_an_invitation_and_may_more_at_once(rig: Rig) -> None:
    ana = bearer((await register(rig))["access_token"])
    assert refused(await post(rig, "/v1/rooms", {"title": "Friday"}, ana)) == (403, "forbidden")
    code = (await invited_by_owner(rig))["code"]
    answer = await post(rig, "/v1/invitations/accept", {"code": code}, ana)
    assert answer.json()["user"]["role"] == "invited"
    for headers in (ana, bearer(answer.json()["access_token"])):
        assert (await post(rig, "/v1/rooms", {"title": "Friday"}, headers)).status_code == 201


async def test_an_invitation_for_one_is_accepted_by_one_of_two(rig: Rig) -> None:
    people = [bearer((await register(rig, name))["access_token"]) for name in ("Ana", "Ben")]
    code = (await invited_by_owner(rig))["code"]
    answers = await asyncio.gather(
        *(post(rig, "/v1/invitations/accept", {"code": code}, headers) for headers in people)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404]


async def test_who_is_invited_already_spends_nothing(rig: Rig) -> None:
    code = (await invited_by_owner(rig))["code"]
    assert (await post(rig, "/v1/invitations/accept", {"code": code}, await rig.owner())).status_code == 200
    assert (await rig.client.get(f"/v1/invitations/check/{code}")).status_code == 200


async def test_a_guest_makes_an_account_before_accepting(rig: Rig) -> None:
    code = (await invited_by_owner(rig))["code"]
    answer = await post(rig, "/v1/invitations/accept", {"code": code}, await rig.guest())
    assert refused(answer) == (403, "forbidden")


async def test_an_invitation_that_was_taken_back_or_expired_refuses_at_once(rig: Rig) -> None:
    taken_back, expired = await invited_by_owner(rig), await invited_by_owner(rig, days=1)
    answer = await rig.client.delete(f"/v1/invitations/{taken_back['id']}", headers=await rig.owner())
    assert answer.status_code == 204
    rig.time.now_ms += 86_400_000
    ana = bearer((await register(rig))["access_token"])
    for code in (taken_back["code"], expired["code"], "never was one"):
        assert refused(await rig.client.get(f"/v1/invitations/check/{code}")) == (404, "not_found")
        assert refused(await post(rig, "/v1/invitations/accept", {"code": code}, ana)) == (404, "not_found")


async def test_a_new_password_ends_every_other_sign_in(rig: Rig) -> None:
    laptop = await register(rig)
    phone = (await post(rig, "/v1/auth/login", {"name": "Ana", "password": PASSWORD})).json()
    change = {"old": PASSWORD, "new": "Clair de lune"}
    changed = (await post(rig, "/v1/me/password", change, bearer(laptop["access_token"]))).json()
    assert (await rig.client.get("/v1/me", headers=bearer(changed["access_token"]))).status_code == 200
    for tokens in (laptop, phone):
        old = await rig.client.get("/v1/me", headers=bearer(tokens["access_token"]))
        assert refused(old) == (401, "unauthorized")
        renewed = await post(rig, "/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        assert refused(renewed) == (401, "unauthorized")
    assert (await post(rig, "/v1/auth/refresh", {"refresh_token": changed["refresh_token"]})).status_code == 200
    assert refused(await post(rig, "/v1/auth/login", {"name": "Ana", "password": PASSWORD})) == (401, "unauthorized")
    assert (await post(rig, "/v1/auth/login", {"name": "Ana", "password": "Clair de lune"})).status_code == 200


@pytest.mark.parametrize("old", [{}, {"old": "something else"}])
async def test_changing_a_password_needs_the_old_one(rig: Rig, old: dict[str, str]) -> None:
    headers = bearer((await register(rig))["access_token"])
    answer = await post(rig, "/v1/me/password", {"new": "Clair de lune", **old}, headers)
    assert refused(answer) == (403, "forbidden")
    assert (await rig.client.get("/v1/me", headers=headers)).status_code == 200


async def test_the_owner_sets_a_password_and_signs_in_by_name(rig: Rig) -> None:
    headers = await rig.owner()
    assert (await rig.client.get("/v1/me", headers=headers)).json()["has_password"] is False
    assert (await post(rig, "/v1/me/password", {"new": PASSWORD}, headers)).status_code == 200
    answer = await post(rig, "/v1/auth/login", {"name": "dj", "password": PASSWORD})
    assert answer.json()["user"]["role"] == "owner"
    assert (await rig.owner()) is not None, "the owner link goes on working"


async def test_a_guest_cannot_get_around_registering(closed: Rig) -> None:
    answer = await post(closed, "/v1/me/password", {"new": PASSWORD}, await closed.guest())
    assert refused(answer) == (403, "forbidden")


async def test_signing_out_ends_this_sign_in_and_no_other(rig: Rig) -> None:
    laptop = await register(rig)
    phone = (await post(rig, "/v1/auth/login", {"name": "Ana", "password": PASSWORD})).json()
    for _ in range(2):
        answer = await post(rig, "/v1/auth/logout", {"refresh_token": laptop["refresh_token"]})
        assert answer.status_code == 204
    gone = await post(rig, "/v1/auth/refresh", {"refresh_token": laptop["refresh_token"]})
    assert refused(gone) == (401, "unauthorized")
    assert (await post(rig, "/v1/auth/refresh", {"refresh_token": phone["refresh_token"]})).status_code == 200


async def delete_me(rig: Rig, headers: dict[str, str], body: dict[str, Any] | None = None) -> httpx.Response:
    return await rig.client.request("DELETE", "/v1/me", json=body, headers=headers)


async def test_who_deletes_their_account_is_gone_at_once(rig: Rig) -> None:
    tokens = await register(rig)
    headers = bearer(tokens["access_token"])
    assert (await delete_me(rig, headers, {"password": PASSWORD})).status_code == 204
    room = (await rig.room())["room"]["id"]
    for path in ("/v1/me", f"/v1/rooms/{room}"):
        assert refused(await rig.client.get(path, headers=headers)) == (401, "unauthorized")
    answer = await post(rig, "/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert refused(answer) == (401, "unauthorized")
    assert refused(await post(rig, "/v1/auth/login", {"name": "Ana", "password": PASSWORD})) == (401, "unauthorized")
    assert (await register(rig))["user"]["id"] != tokens["user"]["id"], "the name is free"


@pytest.mark.parametrize("body", [None, {}, {"password": "something else"}])
async def test_deleting_an_account_needs_its_password(rig: Rig, body: dict[str, Any] | None) -> None:
    headers = bearer((await register(rig))["access_token"])
    assert refused(await delete_me(rig, headers, body)) == (403, "forbidden")
    assert (await rig.client.get("/v1/me", headers=headers)).status_code == 200


async def test_a_guest_has_no_password_and_may_go_too(rig: Rig) -> None:
    headers = await rig.guest()
    assert (await delete_me(rig, headers)).status_code == 204
    assert refused(await rig.client.get("/v1/me", headers=headers)) == (401, "unauthorized")


async def test_the_owner_cannot_be_deleted_and_is_told_why(rig: Rig) -> None:
    headers = await rig.owner()
    answer = await delete_me(rig, headers)
    assert refused(answer) == (403, "forbidden")
    assert "owns the server" in answer.json()["message"]


async def test_passwords_are_tried_only_so_often_and_the_answer_says_when_again(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(logins_per_minute=3)) as rig:
        wrong = {"name": "Ana", "password": PASSWORD}
        answers = [await post(rig, "/v1/auth/login", wrong) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert answers[-1].json()["retry_after_ms"] == 20_001


async def test_with_rooms_for_anyone_a_guest_opens_one_and_uses_its_console(tmp_path: Path) -> None:
    async with opened(tmp_path, people=People(may_open_rooms="anyone")) as rig:
        headers = await rig.guest()
        assert (await post(rig, "/v1/rooms", {"title": "Friday"}, headers)).status_code == 201
        assert (await rig.client.get("/v1/tracks", headers=headers)).status_code == 200
        may = (await rig.client.get("/v1/me", headers=headers)).json()["may"]
        assert {"open_room", "browse_library", "encode"} <= set(may)
        assert "upload" not in may


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Rig]:
    """Everybody may upload 200,000 bytes."""
    async with opened(tmp_path, people=People(may_upload="anyone", quota_bytes=200_000)) as rig:
        yield rig


async def upload(rig: Rig, headers: dict[str, str], size_bytes: int) -> httpx.Response:
    return await rig.client.post("/v1/tracks", files={"file": ("a.wav", bytes(size_bytes))}, headers=headers)


async def test_uploads_fill_a_quota_and_removing_one_makes_room(small: Rig) -> None:
    headers = await small.guest()
    first = await upload(small, headers, 150_000)
    assert first.status_code == 202
    me = (await small.client.get("/v1/me", headers=headers)).json()
    assert me["storage"] == {"used_bytes": 150_000, "quota_bytes": 200_000}
    full = await upload(small, headers, 50_001)
    assert refused(full) == (413, "too_large")
    assert full.json()["details"] == {"used_bytes": 150_000, "quota_bytes": 200_000}
    assert (await upload(small, await small.guest("Ben"), 50_001)).status_code == 202, "each has their own"
    assert (await upload(small, await small.owner(), 250_000)).status_code == 202, "the owner has none"
    await small.client.delete(f"/v1/tracks/{first.json()['id']}", headers=headers)
    assert (await upload(small, headers, 200_000)).status_code == 202


async def test_uploads_at_once_cannot_share_what_is_left(small: Rig) -> None:
    headers = await small.guest()
    answers = await asyncio.gather(*(upload(small, headers, 150_000) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [202, 413, 413]


async def test_who_leaves_takes_their_uploads_along(small: Rig) -> None:
    headers = await small.guest()
    kept = (await upload(small, headers, 1_000)).json()["id"]
    assert (await delete_me(small, headers)).status_code == 204
    assert refused(await small.client.get(f"/v1/tracks/{kept}", headers=small.reader())) == (404, "not_found")
    assert not [path for path in (small.data / "uploads").rglob("*") if path.is_file()]
