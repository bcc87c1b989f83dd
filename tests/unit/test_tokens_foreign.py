"""Tokens of strangers: what a key set, another role or another `sub` makes of somebody, and what it never does."""

import json
import warnings
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from whatssound.accounts import tokens as module
from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import NEVER_MS, AccessTokens
from whatssound.accounts.trusted_keys import trusted_keys
from whatssound.accounts.user import Identity

NOW_MS = 1_800_000_000_000
SECRET = b"k" * 32
EXP = 2_000_000_000
UUID = "11111111-2222-4333-8444-555555555555"

RSA, EC, ED, HMAC = (
    RSAKey.generate_key(2_048, auto_kid=False),
    ECKey.generate_key("P-256", auto_kid=False),
    OKPKey.generate_key("Ed25519", auto_kid=False),
    OctKey.generate_key(512, auto_kid=False),
)
KEYS = {"rsa": RSA, "ec": EC, "ed": ED, "hmac": HMAC}

KINDS = {
    "rsa": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "ec": ("ES256",),
    "ed": ("EdDSA",),
    "hmac": ("HS256", "HS384", "HS512"),
}


class Anything(jws.JWSRegistry):
    """Signs with whatever a test asks for."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def signed(claims: dict[str, Any], key: Key, alg: str, kid: str | None = None, **header: Any) -> str:
    head = {"alg": alg, **({} if kid is None else {"kid": kid}), **header}
    return jws.serialize_compact(head, json.dumps(claims), key, registry=Anything(strict_check_header=False))


def key_set(**keys: Key) -> bytes:
    listed = [{**key.as_dict(private=isinstance(key, OctKey)), "kid": kid} for kid, key in keys.items()]
    return json.dumps({"keys": listed}).encode()


def tokens_with(jwks: bytes | None = None) -> AccessTokens:
    tokens = AccessTokens(SECRET, now_ms=lambda: NOW_MS, publishable=["sb_publishable_one", "k" * 20])
    if jwks is not None:
        tokens.trust(trusted_keys(jwks)[0])
    return tokens


def problem_of(tokens: AccessTokens, token: str) -> str | None:
    try:
        tokens.verify(token)
    except TokenRefusal as refusal:
        return refusal.problem
    return None


def ours(claims: dict[str, Any], alg: str = "HS256") -> str:
    return signed(claims, OctKey.import_key(SECRET), alg)


@pytest.mark.parametrize(("kid", "alg"), [(kid, alg) for kid, algs in KINDS.items() for alg in algs])
@pytest.mark.parametrize("role", ["owner", "service", "guest", "authenticated", "service_role"])
def test_a_key_set_never_makes_somebody_a_person_of_ours(kid: str, alg: str, role: str) -> None:
    tokens = tokens_with(key_set(**KEYS))
    claims = {"sub": "42", "role": role, "exp": EXP, "name": "Ana", "iat": 1_700_000_000, "fixed": True}
    identity = tokens.verify(signed(claims, KEYS[kid], alg, kid))
    assert (identity.user_id, identity.role, identity.role_is_fixed, identity.name) == (None, "anon", False, "")
    assert msgspec.json.decode(identity.claims) == claims


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("kid", [None, "unheard-of", "rsa"])
def test_the_secret_signs_with_every_hmac_also_under_a_kid_of_nobody_or_of_another_kind(
    alg: str, kid: str | None
) -> None:
    tokens = tokens_with(key_set(rsa=RSA))
    claims = {"sub": "42", "role": "guest", "exp": EXP}
    assert tokens.verify(signed(claims, OctKey.import_key(SECRET), alg, kid)).user_id == 42


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        ({"sub": UUID, "role": "authenticated"}, {"sub": UUID, "role": "authenticated"}),
        ({"sub": UUID, "role": "owner"}, {"sub": UUID, "role": "owner"}),
        ({"sub": "42", "role": "authenticated"}, {"sub": "42", "role": "authenticated"}),
        ({"sub": 42, "role": "owner"}, {"sub": "42", "role": "owner"}),
        ({"sub": "42", "role": "anon"}, {"sub": "42", "role": "anon"}),
        ({"sub": "42", "role": "owner", "name": 7}, {"sub": "42", "role": "owner", "name": 7}),
        ({"sub": "-1", "role": "owner"}, {"sub": "-1", "role": "owner"}),
        ({"role": "service_role"}, {"role": "service_role"}),
        ({"role": "anon", "iss": "supabase", "ref": "x"}, {"role": "anon", "iss": "supabase", "ref": "x"}),
    ],
    ids=json.dumps,
)
def test_a_token_of_our_secret_that_names_nobody_of_ours_is_a_strangers(
    claims: dict[str, Any], kept: dict[str, Any]
) -> None:
    identity = tokens_with().verify(ours({**claims, "exp": EXP}))
    assert (identity.user_id, identity.role, identity.name) == (None, "anon", "")
    assert msgspec.json.decode(identity.claims) == {**kept, "exp": EXP}


def test_what_a_person_of_ours_says_beyond_our_own_claims_is_kept_and_else_nothing_is() -> None:
    tokens = tokens_with()
    claims = {"sub": "42", "role": "user", "exp": EXP}
    assert tokens.verify(ours(claims)) == Identity(42, "", "user", EXP * 1_000)  # pyright: ignore[reportArgumentType]
    more = tokens.verify(ours({**claims, "team": "red"}))
    assert (more.user_id, more.role) == (42, "user")
    assert msgspec.json.decode(more.claims)["team"] == "red"


def test_publishable_keys_only_read_and_never_expire() -> None:
    tokens = tokens_with()
    assert tokens.verify("sb_publishable_one") == Identity(None, "", "anon", NEVER_MS)
    assert tokens.verify("k" * 20).user_id is None
    assert problem_of(tokens, "sb_publishable_two") == "malformed"


def test_a_token_is_decoded_from_its_address_and_white_space_is_taken_off() -> None:
    token = ours({"sub": "42", "role": "guest", "exp": EXP})
    spoiled = f" {token[:30]}\n {token[30:]}\t".replace(".", "%2E").replace("-", "%2D")
    assert tokens_with().verify(spoiled).user_id == 42


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("", "malformed"),
        ("nonsense", "malformed"),
        ("a.b.c", "malformed"),
        (ours({"role": "guest"}), "claims"),
        (ours({"exp": EXP}), "claims"),
        (ours({"role": "guest", "exp": EXP}) + "A", "signature"),
        (signed({"role": "guest", "exp": EXP}, OctKey.import_key(b"x" * 32), "HS256"), "signature"),
        (signed({"role": "guest", "exp": EXP}, RSA, "RS256", "rsa"), "signer"),
        (signed({"role": "guest", "exp": EXP}, RSA, "RS256"), "signer"),
        (ours({"role": "guest", "exp": 1_700_000_000}), "expired"),
    ],
    ids=["empty", "word", "three words", "no exp", "no role", "longer", "other secret", "unknown key", "no kid", "old"],
)
def test_a_refusal_says_what_is_wrong(token: str, problem: str) -> None:
    assert problem_of(tokens_with(), token) == problem


def test_an_expired_token_says_for_how_long() -> None:
    with pytest.raises(TokenRefusal) as refused:
        tokens_with().verify(ours({"role": "guest", "exp": NOW_MS // 1_000 - 77}))
    assert refused.value.ago_ms == 77_000


def test_a_key_that_is_taken_out_of_the_set_signs_nothing_any_more_not_even_what_was_verified() -> None:
    tokens = tokens_with(key_set(rsa=RSA, ec=EC))
    token = signed({"role": "anon", "exp": EXP}, RSA, "RS256", "rsa")
    assert problem_of(tokens, token) is None
    tokens.trust(trusted_keys(key_set(ec=EC))[0])
    assert problem_of(tokens, token) == "signer"


def test_only_a_key_that_is_not_known_is_asked_for() -> None:
    tokens, asked = tokens_with(key_set(rsa=RSA)), 0

    def ask() -> None:
        nonlocal asked
        asked += 1

    tokens.on_unknown_key(ask)
    for token in ("a.b.c", ours({"role": "guest"}), signed({"role": "x", "exp": EXP}, RSA, "RS256", "rsa")):
        problem_of(tokens, token)
    assert asked == 0
    assert problem_of(tokens, signed({"role": "x", "exp": EXP}, EC, "ES256", "ec")) == "signer"
    assert asked == 1


def test_claims_of_strangers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED_CLAIMS_BYTES", 1_000)
    tokens = tokens_with()
    for number in range(10):
        tokens.verify(ours({"role": "authenticated", "exp": EXP, "sub": f"{number:300}"}))
    assert 1 <= len(tokens._verified) <= 2
    assert tokens._claims_bytes == sum(len(identity.claims) for identity in tokens._verified.values()) <= 1_000


@pytest.mark.parametrize(
    ("jwks", "reason"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON Web Key Set"),
        (b'{"keys": 7}', "no JSON Web Key Set"),
        (b"[" * 100_000, "no JSON"),
        (json.dumps({"keys": [{}] * 101}).encode(), "at most 100"),
    ],
)
def test_what_is_no_key_set_is_refused_with_a_reason(jwks: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        trusted_keys(jwks)


def test_keys_that_cannot_be_used_are_left_out_with_a_reason_and_the_others_stay() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak = RSAKey.generate_key(1_024, auto_kid=False)
    public = RSA.as_dict(private=False)
    listed = [
        7,
        public,
        {**public, "kid": "a", "use": "enc"},
        {**public, "kid": "b", "key_ops": ["encrypt"]},
        {**public, "kid": "c", "n": "!"},
        {**weak.as_dict(private=False), "kid": "d"},
        {**public, "kid": "e", "alg": "ES256"},
        {"kty": "oct", "k": "c2hvcnQ", "kid": "f"},
        {"kty": "wonder", "kid": "g"},
        {**public, "kid": "good", "alg": "RS256", "use": "sig"},
    ]
    keys, left_out = trusted_keys(json.dumps({"keys": listed}).encode())
    assert list(keys) == [("good", "RS256")]
    assert [reason.partition(" ")[2].partition(" ")[0] for reason in left_out] == [str(n) for n in range(1, 10)]
