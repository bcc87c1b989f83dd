"""Who may be on realtime topics, over real sockets: keys, tokens of strangers, policies, refresh, expiry and recall."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from websockets.asyncio.client import ClientConnection

from clients import Refused, SocketClient
from gateway_rig import PUBLISHABLE_KEY, TOKEN_KEY, Rig, opened
from gateway_server import RawClient, closed_with, connected
from whatssound.accounts.trusted_keys import trusted_keys

UUID = "11111111-2222-4333-8444-555555555555"
TOPIC = "realtime:news"
PRIVATE = {"config": {"private": True}}
KEY = ECKey.generate_key("P-256", {"kid": "theirs"}, auto_kid=False)


def policy(claims: Mapping[str, Any], topic: str, extension: str, operation: str) -> bool:
    """Members of a topic may be there, its speakers may speak."""
    if (extension, operation) == ("broadcast", "write"):
        return topic in claims.get("speaks", ())
    return topic in claims.get("member", ())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path) as rig:
        rig.tokens.trust(trusted_keys(json.dumps({"keys": [KEY.as_dict(private=False)]}).encode())[0])
        yield rig


@pytest.fixture
async def judged(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, policy=policy) as rig:
        yield rig


def stranger(rig: Rig, *, ttl_s: float = 600, theirs: bool = False, **claims: Any) -> str:
    """A token by the secret, or by their own key, with Supabase's claims."""
    said = {"role": "authenticated", "sub": UUID, "exp": int(rig.time.ms / 1_000 + ttl_s), **claims}
    if theirs:
        return jwt.encode({"alg": "ES256", "kid": "theirs"}, said, KEY)
    return jwt.encode({"alg": "HS256"}, said, OctKey.import_key(TOKEN_KEY))


def sockets_look(rig: Rig) -> None:
    for socket in rig.gateway.sockets():
        socket.look_again()


async def refused(client: SocketClient, topic: str = TOPIC, **payload: Any) -> str:
    """The reason why a join is refused."""
    with pytest.raises(Refused) as refusal:
        await client.join(topic, **payload)
    return refusal.value.response["reason"]


async def ended(client: SocketClient) -> str:
    """What the system says before the channel is closed for good."""
    said = await client.event("system")
    await client.event("phx_close")
    assert (said["extension"], said["status"], said["channel"]) == ("system", "error", "news")
    return said["message"]


async def upgrade(rig: Rig, key: str, path: str = "/realtime/v1/websocket") -> tuple[int, dict[str, Any]]:
    """Status and body of an upgrade that is refused."""
    async with await RawClient.open(rig.port, f"{path}?vsn=2.0.0&apikey={key}") as client:
        head = await client.head()
        return int(head.split()[1]), json.loads(await client.rest())


async def answer(client: ClientConnection, ref: str) -> dict[str, Any]:
    while True:
        frame = json.loads(await client.recv())
        if frame[1] == ref:
            return frame[4]


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"exp": 1_700_000_000}, "Token has expired"),
        ({"role": None}, "Fields `role` and `exp` are required in JWT"),
        ({"iat": "yesterday"}, "The token provided is not a valid JWT"),
    ],
)
async def test_an_upgrade_with_a_bad_token_says_what_is_wrong_as_supabase_does(
    rig: Rig, claims: dict[str, Any], text: str
) -> None:
    status, body = await upgrade(rig, stranger(rig, **claims))
    assert (status, body["error"], body["code"]) == (401, text, "unauthorized")


async def test_an_upgrade_with_a_token_that_nobody_here_signed_says_so(rig: Rig) -> None:
    other = jwt.encode({"alg": "HS256"}, {"role": "anon", "exp": 2_000_000_000}, OctKey.import_key(b"x" * 32))
    unknown = jwt.encode({"alg": "ES256", "kid": "new"}, {"role": "anon", "exp": 2_000_000_000}, KEY)
    errors = [(await upgrade(rig, key))[1]["error"] for key in ("nonsense", other, unknown)]
    assert errors == [
        "The token provided is not a valid JWT",
        "Failed to validate JWT signature",
        'Failed to generate JWT signer for key ID (kid) "new", check your JWT secret or JWKS configuration',
    ]


async def test_a_publishable_key_opens_a_socket_and_joins_public_topics_for_ever(rig: Rig) -> None:
    query = f"vsn=2.0.0&apikey={PUBLISHABLE_KEY}"
    async with connected(rig.port, path="/realtime/v1/websocket", query=query) as client:
        rig.time.ms += 400 * 24 * 3_600_000
        await client.send(json.dumps(["1", "1", TOPIC, "phx_join", {"access_token": PUBLISHABLE_KEY}]))
        assert (await answer(client, "1"))["status"] == "ok"
        await client.send(json.dumps(["2", "2", "realtime:secret", "phx_join", PRIVATE]))
        reason = "Unauthorized: You do not have permissions to read from this Channel topic: secret"
        assert (await answer(client, "2"))["response"]["reason"] == reason
    async with SocketClient(rig.url, PUBLISHABLE_KEY) as client:
        await client.join(TOPIC)


@pytest.mark.parametrize("theirs", [False, True], ids=["secret", "key set"])
async def test_a_stranger_is_somebody_on_topics_and_only_a_reader_in_rooms(rig: Rig, theirs: bool) -> None:
    token = stranger(rig, theirs=theirs, role="authenticated")
    room = await rig.room()
    async with SocketClient(rig.url, token) as client:
        await client.join(TOPIC, **PRIVATE)
        await client.join(f"realtime:user:{UUID}", **PRIVATE)
        assert "Unauthorized" in await refused(client, "realtime:user:other", **PRIVATE)
        await client.join(f"room:{room.id}")
        with pytest.raises(Refused, match="forbidden"):
            await client.push(f"room:{room.id}", "chat:send", text="hello", nonce="n")


@pytest.mark.parametrize("role", ["owner", "service", "guest", "service_role"])
async def test_whatever_a_key_set_signs_nobody_becomes_one_of_ours(rig: Rig, role: str) -> None:
    room = await rig.room()
    token = stranger(rig, theirs=True, sub=str(rig.dj.id), role=role, fixed=True)
    async with SocketClient(rig.url, token) as client:
        assert (await client.join(f"room:{room.id}"))["me"]["role"] == "listener"
        for command, payload in (("playback:pause", {}), ("chat:send", {"text": "I", "nonce": "n"})):
            with pytest.raises(Refused, match="forbidden"):
                await client.push(f"room:{room.id}", command, **payload)
        if role != "service_role":
            assert "Unauthorized" in await refused(client, f"realtime:user:{rig.dj.id}", **PRIVATE)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": None}, "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        ({"sub": []}, "MalformedJWT: The token provided is not a valid JWT"),
    ],
)
async def test_a_join_with_a_bad_token_says_what_is_wrong(rig: Rig, claims: dict[str, Any], reason: str) -> None:
    async with SocketClient(rig.url, stranger(rig, **claims)) as client:
        assert await refused(client) == reason
    old, spoiled = stranger(rig, ttl_s=-77), stranger(rig) + "A"
    async with SocketClient(rig.url) as client:
        assert await refused(client, access_token=old) == "InvalidJWTToken: Token has expired 77 seconds ago"
        assert await refused(client, access_token=spoiled) == "JwtSignatureError: Failed to validate JWT signature"
        assert await refused(client) == "MalformedJWT: The token provided is not a valid JWT"


async def test_an_expired_token_ends_the_channel_and_a_newer_one_keeps_it(rig: Rig) -> None:
    async with SocketClient(rig.url, stranger(rig, ttl_s=60)) as early, SocketClient(rig.url, stranger(rig)) as late:
        await early.join(TOPIC)
        await late.join(TOPIC, access_token=stranger(rig, ttl_s=60))
        await late.send_raw(json.dumps([None, None, TOPIC, "access_token", {"access_token": stranger(rig)}]))
        await heard(late)
        rig.time.ms += 77_000
        sockets_look(rig)
        assert await ended(early) == "Token has expired 17 seconds ago"
        assert await refused(early) == "InvalidJWTToken: Token has expired 17 seconds ago"
        await heard(late)
        assert [event for _, event, _ in late.events if event in ("system", "phx_close")] == []


async def heard(client: SocketClient) -> None:
    """What was sent before was served."""
    await client.push("phoenix", "heartbeat")


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "The token provided is not a valid JWT"),
        ({"exp": 1_799_999_995}, "Token has expired 5 seconds ago"),
        ({"role": None}, "Fields `role` and `exp` are required in JWT"),
    ],
)
async def test_a_bad_token_on_a_living_channel_ends_it(rig: Rig, token: str | dict[str, Any], message: str) -> None:
    async with SocketClient(rig.url, stranger(rig)) as client:
        await client.join(TOPIC)
        text = token if isinstance(token, str) else stranger(rig, **token)
        await client.send_raw(json.dumps([None, None, TOPIC, "access_token", {"access_token": text}]))
        assert await ended(client) == message


async def test_no_token_an_opaque_key_and_the_same_token_change_nothing(judged: Rig) -> None:
    token = stranger(judged, member=["news"])
    async with SocketClient(judged.url, token) as client:
        await client.join(TOPIC, **PRIVATE)
        for said in (None, "sb_publishable_of_nobody", token):
            await client.send_raw(json.dumps([None, None, TOPIC, "access_token", {"access_token": said}]))
        await heard(client)
        assert {event for _, event, _ in client.events} <= {"presence_state"}


async def test_a_policy_says_who_may_read_and_who_may_write_and_a_newer_token_is_judged_anew(judged: Rig) -> None:
    speaks, listens = {"member": ["news"], "speaks": ["news"]}, {"member": ["news"]}
    join = {"config": {"private": True, "broadcast": {"ack": True, "self": True}}}
    async with SocketClient(judged.url, stranger(judged, **listens)) as client:
        assert "Unauthorized" in await refused(client, access_token=stranger(judged), **PRIVATE)
        await client.join(TOPIC, **join)
        with pytest.raises(Refused, match="unauthorized"):
            await client.push(TOPIC, "broadcast", type="broadcast", event="hi", payload={})
        await client.send_raw(
            json.dumps([None, None, TOPIC, "access_token", {"access_token": stranger(judged, **speaks)}])
        )
        await client.push(TOPIC, "broadcast", type="broadcast", event="hi", payload={})
        await client.event("broadcast")
        await client.send_raw(json.dumps([None, None, TOPIC, "access_token", {"access_token": stranger(judged)}]))
        assert await ended(client) == "You no longer have permission to read from this Channel topic: news"


async def test_where_public_topics_are_not_allowed_their_joins_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, private_only=True) as rig, SocketClient(rig.url, stranger(rig)) as client:
        assert await refused(client) == "PrivateOnly: This project only allows private channels"
        await client.join(TOPIC, **PRIVATE)


async def test_a_newer_token_of_the_socket_prolongs_what_was_joined_by_it_and_nothing_of_others(rig: Rig) -> None:
    """One `access_token` in a room is enough for every topic of the same person."""
    ana, room = await rig.guest("Ana"), await rig.room()
    token = rig.accounts.token_for(ana, ttl_s=60)
    async with connected(rig.port, query=f"vsn=2.0.0&apikey={token}") as client:
        joins = {TOPIC: {}, "realtime:other": {"access_token": stranger(rig, ttl_s=60)}, f"room:{room.id}": {}}
        for ref, (topic, payload) in enumerate(joins.items()):
            await client.send(json.dumps([f"{ref}", f"{ref}", topic, "phx_join", payload]))
            assert (await answer(client, f"{ref}"))["status"] == "ok"
        newer = {"access_token": rig.accounts.token_for(ana, ttl_s=600)}
        await client.send(json.dumps(["2", "3", f"room:{room.id}", "access_token", newer]))
        assert (await answer(client, "3"))["status"] == "ok"
        rig.time.ms += 61_000
        sockets_look(rig)
        async with asyncio.timeout(20):
            while (frame := json.loads(await client.recv()))[3] != "phx_close":
                assert frame[2] != TOPIC, frame
        assert frame[2] == "realtime:other"
        await client.send(json.dumps(["0", "4", TOPIC, "phx_leave", {}]))
        assert (await answer(client, "4"))["status"] == "ok"


async def test_who_signs_out_speaks_no_more_at_once_and_is_gone_soon_after(rig: Rig) -> None:
    ana = await rig.guest("Ana")
    token = rig.accounts.token_for(ana)
    query = f"vsn=2.0.0&apikey={PUBLISHABLE_KEY}"
    async with connected(rig.port, query=query) as client:
        join = {"access_token": token, "config": {"private": True, "broadcast": {"ack": True}}}
        await client.send(json.dumps(["1", "1", TOPIC, "phx_join", join]))
        assert (await answer(client, "1"))["status"] == "ok"
        rig.accounts.recall(ana.id)
        await client.send(json.dumps(["1", "2", TOPIC, "broadcast", {"type": "broadcast", "event": "hi"}]))
        assert (await answer(client, "2"))["response"]["reason"] == "InvalidJWTToken: This sign-in has ended"
        assert await closed_with(client) == 1008
    async with SocketClient(rig.url, token) as client:
        assert await refused(client) == "InvalidJWTToken: This sign-in has ended"
    assert (await upgrade(rig, token))[1]["error"] == "This sign-in has ended"
