"""Over HTTP a stranger's token is worth what a token without a person is worth, on every route there is."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from http_rig import Rig, bearer, opened
from whatssound.accounts.trusted_keys import trusted_keys
from whatssound.accounts.user import User
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.secret_file import open_secret

KEY = ECKey.generate_key("P-256", {"kid": "theirs"}, auto_kid=False)
METHODS = ("get", "post", "put", "patch", "delete")
ROLES = ("owner", "service", "guest", "authenticated", "service_role")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        rig.tokens.trust(trusted_keys(json.dumps({"keys": [KEY.as_dict(private=False)]}).encode())[0])
        yield rig


def said(rig: Rig, **claims: Any) -> dict[str, Any]:
    now_s = int(rig.time.now_ms / 1_000)
    return {"role": "owner", "fixed": True, "name": "DJ", "iat": now_s, "exp": now_s + 600, **claims}


def by_key_set(rig: Rig, user: User, role: str) -> dict[str, str]:
    claims = said(rig, sub=str(user.id), role=role)
    return bearer(jwt.encode({"alg": "ES256", "kid": "theirs"}, claims, KEY))


def by_secret(rig: Rig, sub: str, role: str) -> dict[str, str]:
    secret = OctKey.import_key(open_secret(DataFolder(rig.data).secret).derive("jwt"))
    return bearer(jwt.encode({"alg": "HS256"}, said(rig, sub=sub, role=role), secret))


async def answers(rig: Rig, room: dict[str, Any], headers: dict[str, str]) -> dict[str, int]:
    """The status of every route for whoever asks with these headers."""
    found: dict[str, int] = {}
    for path, item in rig.app.openapi_schema.paths.items():
        if "broadcast" in path or "/auth/" in path:
            continue
        address = path.replace("{room}", room["id"])
        while "{" in address:
            before, _, rest = address.partition("{")
            address = f"{before}1{rest.partition('}')[2]}"
        for method in METHODS:
            if getattr(item, method) is not None:
                body = {"json": {"title": "Mine", "name": "Mine"}} if method in ("post", "put", "patch") else {}
                answer = await rig.client.request(method, address, headers=headers, **body)
                found[f"{method} {path}"] = answer.status_code
    return found


async def test_on_every_route_a_stranger_is_answered_as_a_reader_is(rig: Rig) -> None:
    room, owner = (await rig.room())["room"], await rig.services.accounts.owner()
    reader = await answers(rig, room, rig.reader())
    assert len(reader) > 30
    strangers = {f"key set, {role}": by_key_set(rig, owner, role) for role in ROLES}
    strangers |= {f"secret, {role}": by_secret(rig, "11111111-2222-4333-8444-555555555555", role) for role in ROLES}
    strangers["secret, their id and role"] = by_secret(rig, str(owner.id), "authenticated")
    for who, headers in strangers.items():
        assert await answers(rig, room, headers) == reader, who
    assert reader["post /v1/rooms"] == 403


async def test_the_same_claims_under_our_secret_are_the_owners(rig: Rig) -> None:
    """Otherwise the test above would pass with tokens that are good for nothing."""
    owner = await rig.services.accounts.owner()
    me = await rig.client.get("/v1/me", headers=by_secret(rig, str(owner.id), "owner"))
    assert (me.status_code, me.json()["role"]) == (200, "owner")
    assert (await rig.client.get("/v1/me", headers=by_key_set(rig, owner, "owner"))).status_code == 403
