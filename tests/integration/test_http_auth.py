"""Signing in over HTTP: guests, the owner's link, renewed tokens, another name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_rig import Rig, bearer, opened
from whatssound.config import Limits


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, limits=Limits(guests_per_minute=3)) as rig:
        yield rig


async def test_a_guest_signs_in_with_a_name_and_is_who_they_said(rig: Rig) -> None:
    answer = await rig.client.post("/v1/auth/guest", json={"name": "Ana"})
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["user"] == {
        "id": tokens["user"]["id"],
        "name": "Ana",
        "role": "guest",
        "may": ["read", "listen", "chat", "rename"],
    }
    assert tokens["expires_in_s"] == 3_600
    me = await rig.client.get("/v1/me", headers=bearer(tokens["access_token"]))
    assert me.json().items() >= tokens["user"].items()


async def test_the_owner_link_s_code_works_once(rig: Rig) -> None:
    code = await rig.services.accounts.new_owner_code()
    first = await rig.client.post("/v1/auth/owner", json={"code": code})
    assert first.json()["user"]["role"] == "owner"
    second = await rig.client.post("/v1/auth/owner", json={"code": code})
    assert (second.status_code, second.json()["code"]) == (401, "unauthorized")


async def test_a_refresh_token_brings_new_tokens(rig: Rig) -> None:
    tokens = (await rig.client.post("/v1/auth/guest", json={"name": "Ana"})).json()
    rig.time.now_ms += 3_600_000
    expired = await rig.client.get("/v1/me", headers=bearer(tokens["access_token"]))
    assert (expired.status_code, expired.json()["details"]) == (401, {"expired": True})
    renewed = (await rig.client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    me = await rig.client.get("/v1/me", headers=bearer(renewed["access_token"]))
    assert me.json().items() >= tokens["user"].items()


async def test_answers_with_tokens_are_not_compressed_beside_a_chosen_name(rig: Rig) -> None:
    answer = await rig.client.post("/v1/auth/guest", json={"name": "Ana"}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_one_address_brings_only_so_many_guests(rig: Rig) -> None:
    answers = [await rig.client.post("/v1/auth/guest", json={"name": "Ana"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["retry_after_ms"] == 20_001
    assert refused.headers["retry-after"] == "21"
    rig.time.now_ms += 20_001
    assert (await rig.client.post("/v1/auth/guest", json={"name": "Ana"})).status_code == 200


async def test_a_refused_name_costs_a_guest_too(rig: Rig) -> None:
    answer = await rig.client.post("/v1/auth/guest", json={"name": "\u200b"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "at least one letter" in answer.json()["message"]


async def test_people_rename_themselves(rig: Rig) -> None:
    headers = await rig.guest("Ana")
    await rig.guest("Ben")
    assert (await rig.client.patch("/v1/me", json={"name": "ben"}, headers=headers)).json()["name"] == "ben 2"
    assert (await rig.client.get("/v1/me", headers=headers)).json()["name"] == "ben 2"


async def test_the_owner_chooses_a_name_too(rig: Rig) -> None:
    headers = await rig.owner()
    assert (await rig.client.get("/v1/me", headers=headers)).json()["name"] == "DJ"
    renamed = (await rig.client.patch("/v1/me", json={"name": "Nightowl"}, headers=headers)).json()
    assert (renamed["name"], renamed["role"]) == ("Nightowl", "owner")


async def test_a_token_that_only_reads_has_no_me(rig: Rig) -> None:
    for answer in (
        await rig.client.get("/v1/me", headers=rig.reader()),
        await rig.client.patch("/v1/me", json={"name": "Ana"}, headers=rig.reader()),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic QTpC", "nonsense"])
async def test_a_header_that_is_no_token_is_unauthorized(rig: Rig, header: str) -> None:
    answer = await rig.client.get("/v1/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_behind_a_trusted_proxy_each_home_has_its_own_share_of_guests(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(guests_per_minute=1), proxies=["203.0.113.0/24"]) as rig:

        async def arrived(*forwarded: str) -> int:
            headers = [("X-Forwarded-For", value) for value in forwarded]
            return (await rig.client.post("/v1/auth/guest", json={"name": "Ana"}, headers=headers)).status_code

        assert await arrived("192.0.2.7") == 200
        assert await arrived("192.0.2.8", "192.0.2.7") == 429  # the nearest proxy wrote last
        assert await arrived("192.0.2.8") == 200
