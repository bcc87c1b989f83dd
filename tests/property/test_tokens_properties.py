"""Access tokens: what was signed comes back, anything else is refused, and nothing crashes."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import Key, OctKey, OKPKey

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.trusted_keys import trusted_keys
from whatssound.accounts.user import Identity, User
from whatssound.ids import UserId, parse_id
from whatssound.realtime.policy import claims_of, default_policy
from whatssound.wire.errors import Refusal

NOW_MS = 1_800_000_000_000
SECRET, THEIRS = OctKey.import_key(b"k" * 32), OKPKey.generate_key("Ed25519", {"kid": "theirs"}, auto_kid=False)
TOKENS = AccessTokens(b"k" * 32, now_ms=lambda: NOW_MS)
TOKENS.trust(trusted_keys(json.dumps({"keys": [THEIRS.as_dict(private=False)]}).encode())[0])

people = st.builds(
    User,
    st.integers(0, 2**63 - 1).map(UserId),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=32),
    st.sampled_from(["guest", "user", "owner", "service"]),
)


def refused(token: str) -> bool:
    try:
        TOKENS.verify(token)
    except Refusal as refusal:
        return refusal.code == "unauthorized"
    return False


@given(people, st.integers(1, 10**7))
def test_what_was_signed_comes_back(user: User, ttl_s: int) -> None:
    token = TOKENS.issue(user, user.role, ttl_s)
    assert TOKENS.verify(token) == Identity(user.id, user.name, user.role, NOW_MS + ttl_s * 1_000, NOW_MS)


@given(st.text(max_size=400))
def test_any_text_is_refused(text: str) -> None:
    assert refused(text)


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789-_=", max_size=60), min_size=3, max_size=3))
def test_anything_shaped_like_a_token_is_refused(parts: list[str]) -> None:
    assert refused(".".join(parts))


@given(people, st.data())
def test_a_token_with_one_character_changed_is_refused(user: User, data: st.DataObject) -> None:
    token = TOKENS.issue(user, user.role)
    at = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that base64 ignores
    other = data.draw(st.sampled_from("ABCabc019-_").filter(lambda c: c != token[at]))
    assert refused(token[:at] + other + token[at + 1 :])


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
roles = st.sampled_from(["owner", "service", "guest", "user", "anon", "authenticated", "service_role", ""])
moments = st.integers(NOW_MS // 1_000 + 1, 2 * NOW_MS // 1_000)
rest = {
    "sub": st.integers(0, 2**63 - 1).map(str)
    | st.integers(-1, 2**70).map(str)
    | st.uuids().map(str)
    | st.none()
    | values,
    "name": texts | values,
    "iat": st.just(1),
    "fixed": st.booleans(),
    "whatssound_role": roles | values,
}
good_sets = st.fixed_dictionaries({"role": roles, "exp": moments}, optional=rest)
any_sets = st.fixed_dictionaries({}, optional={"role": roles | values, "exp": moments | values, **rest})
claim_sets = st.dictionaries(texts, values, max_size=3).flatmap(
    lambda more: (good_sets | any_sets).map(lambda some: {**more, **some})
)


def signed(claims: Any, key: Key, header: dict[str, str]) -> str:
    registry = jws.JWSRegistry(algorithms=["HS256", "Ed25519"])
    return jws.serialize_compact(header, json.dumps(claims), key, registry=registry)


def verified(token: str) -> Identity | None:
    try:
        return TOKENS.verify(token)
    except TokenRefusal:
        return None


@given(claim_sets)
def test_our_secret_makes_people_of_ids_and_roles_of_ours_and_strangers_of_everything_else(claims: Any) -> None:
    identity = verified(signed(claims, SECRET, {"alg": "HS256"}))
    if identity is not None and identity.user_id is not None:
        assert (identity.user_id, identity.role) == (parse_id(claims["sub"]), claims["role"])
        assert identity.role != "anon"
    elif identity is not None:
        assert (identity.role, identity.name, identity.role_is_fixed) == ("anon", "", False)


@given(claim_sets)
def test_a_key_set_makes_strangers_only_and_policies_see_what_they_say(claims: Any) -> None:
    identity = verified(signed(claims, THEIRS, {"alg": "Ed25519", "kid": "theirs"}))
    if identity is None:
        return
    assert (identity.user_id, identity.role, identity.name) == (None, "anon", "")
    said = claims_of(identity)
    assert said["role"] == claims["role"]
    assert "whatssound_role" not in said
    assert said.get("sub") in (None, str(claims.get("sub")))
    topic = f"user:{said.get('sub')}"
    assert default_policy(said, topic, "broadcast", "read") in (True, False)
    assert not default_policy(said, "user:somebody else", "broadcast", "read") or said["role"] == "service_role"


@given(values)
def test_what_is_signed_and_no_set_of_claims_is_refused(value: Any) -> None:
    token = signed(value, SECRET, {"alg": "HS256"})
    assert isinstance(value, dict) or refused(token)
