"""Supabase's public clients, unchanged, and who may: private topics, tokens of their own issuer, refresh, expiry."""

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from public_clients import KINDS, Channel, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"
"""Supabase's own for local development."""
UUID = "11111111-2222-4333-8444-555555555555"
KEY = ECKey.generate_key("P-256", {"kid": "theirs"}, auto_kid=False)
POLICY = """
def may(claims, topic, extension, operation):
    return claims["role"] == "authenticated" and topic in claims["app_metadata"]["topics"]
"""

SUPABASE_KINDS = [kind for kind in KINDS if not kind.startswith("phoenix")]
"""Those that can show another token on a living channel."""

each_kind = pytest.mark.parametrize("kind", KINDS)
each_of_supabase = pytest.mark.parametrize("kind", SUPABASE_KINDS)
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["1", "2"], ids=["alone", "2 workers"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "their_policy.py").write_text(POLICY)
    (folder / "keys.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    settings = ["--jwks", str(folder / "keys.json"), "--realtime-policy", "their_policy:may"]
    python_path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {"WHATSSOUND_JWT_SECRET": SECRET, "PYTHONPATH": python_path}
    with ServerProcess(folder / "data", "--workers", request.param, *settings, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    """What `whatssound key` prints: all that a page has."""
    command = [sys.executable, "-m", "whatssound", "key", "--data", str(server.data)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    assert printed.startswith("sb_publishable_")
    return printed


@pytest.fixture
def topic() -> str:
    """A topic that no other test is on."""
    return f"members {next(_numbers)}"


def token(*topics: str, ttl_s: float = 600, theirs: bool = False) -> str:
    """As Supabase Auth makes them, for somebody who may be on these topics."""
    claims: dict[str, Any] = {
        **{"iss": "https://project.supabase.co/auth/v1", "aud": "authenticated", "role": "authenticated", "sub": UUID},
        **{"iat": int(time.time()), "exp": int(time.time() + ttl_s), "session_id": UUID, "is_anonymous": False},
        "app_metadata": {"provider": "email", "topics": topics},
    }
    if theirs:
        return jwt.encode({"alg": "ES256", "kid": "theirs"}, claims, KEY)
    return jwt.encode({"alg": "HS256", "kid": "not in any key set"}, claims, OctKey.import_key(SECRET))


@each_kind
async def test_the_key_of_a_page_is_enough_for_public_topics_and_for_no_private_one(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    ana, bob = await clients.make(kind, server.url, key), await clients.make(kind, server.url, key)
    here, there = await ana.join(topic, ack=True), await bob.join(topic)
    assert await here.send("hi", {"a": 1}) == "ok"
    assert (await there.broadcast("hi"))["payload"] == {"a": 1}
    refused = await ana.begin_to_join(f"{topic}, members only", private=True)
    said = (await refused.status("CHANNEL_ERROR"))["error"]
    text = f"Unauthorized: You do not have permissions to read from this Channel topic: {topic}, members only"
    assert text in said


@each_kind
async def test_a_private_topic_is_for_those_whom_the_policy_lets_in(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    ana = await clients.make(kind, server.url, token(topic))
    bob = await clients.make(kind, server.url, token(topic, theirs=True))
    here, there = await ana.join(topic, private=True, ack=True), await bob.join(topic, private=True)
    outside = await (await clients.make(kind, server.url, key)).join(topic)
    assert await here.send("hi", {"a": 1}) == "ok"
    assert (await there.broadcast("hi"))["payload"] == {"a": 1}
    for theirs in (False, True):
        other = await clients.make(kind, server.url, token(f"not {topic}", theirs=theirs))
        refused = await other.begin_to_join(topic, private=True)
        assert "Unauthorized" in (await refused.status("CHANNEL_ERROR"))["error"]
    assert not outside.untaken("broadcast"), "the public topic of that name heard it"


@each_of_supabase
async def test_who_signs_in_shows_their_token_and_may_and_who_shows_a_lesser_one_may_not_any_more(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    ana = await clients.make(kind, server.url, key)
    await ana.set_auth(token(topic))
    here = await ana.join(topic, private=True, ack=True)
    assert await here.send("hi") == "ok"
    await ana.set_auth(token(topic, "another"))
    assert await here.send("hi") == "ok"
    await ana.set_auth(token("another"))
    text = f"You no longer have permission to read from this Channel topic: {topic}"
    assert await here.ended() == text


async def test_a_token_that_expires_ends_the_channel_unless_a_newer_one_was_shown(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    early: dict[str, Channel] = {}
    late: dict[str, Channel] = {}
    for kind in SUPABASE_KINDS:
        for channels in (early, late):
            client = await clients.make(kind, server.url, key)
            await client.set_auth(token(topic, ttl_s=8))
            channels[kind] = await client.join(topic, private=True, ack=True)
            if channels is late:
                await client.set_auth(token(topic))
    for channel in early.values():
        assert re.fullmatch(r"Token has expired \d+ seconds ago", await channel.ended())
    for kind, channel in late.items():
        assert await channel.send("still here") == "ok", kind
        assert not channel.untaken("system"), kind


@each_of_supabase
async def test_a_join_with_a_bad_token_is_told_what_is_wrong(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    stale = jwt.encode({"alg": "HS256"}, {"role": "authenticated", "exp": 1_700_000_000}, OctKey.import_key(SECRET))
    forged = jwt.encode({"alg": "HS256"}, {"role": "authenticated", "exp": 4e9}, OctKey.import_key("x" * 32))
    for bad, text in (
        (stale, "InvalidJWTToken: Token has expired "),
        (forged, "JwtSignatureError: Failed to validate JWT signature"),
        (token(topic) + ".", "MalformedJWT: The token provided is not a valid JWT"),
    ):
        ana = await clients.make(kind, server.url, key)
        await ana.set_auth(bad)
        refused = await ana.begin_to_join(topic)
        assert text in (await refused.status("CHANNEL_ERROR"))["error"]
