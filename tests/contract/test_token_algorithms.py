"""No signature counts but the right key's with an algorithm of its own kind, whatever a token says of itself."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from whatssound.accounts.signatures import ALGORITHMS
from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.trusted_keys import trusted_keys

SECRET = b"k" * 32
CLAIMS = {"sub": "42", "role": "owner", "exp": 2_000_000_000}

KEYS: dict[str, Key] = {
    "rsa": RSAKey.generate_key(2_048, auto_kid=False),
    "rsa-384": RSAKey.generate_key(2_048, {"alg": "RS384"}, auto_kid=False),
    "p-256": ECKey.generate_key("P-256", auto_kid=False),
    "p-384": ECKey.generate_key("P-384", auto_kid=False),
    "p-521": ECKey.generate_key("P-521", auto_kid=False),
    "ed25519": OKPKey.generate_key("Ed25519", auto_kid=False),
    "ed448": OKPKey.generate_key("Ed448", auto_kid=False),
    "oct": OctKey.generate_key(512, auto_kid=False),
}

RIGHT = {
    "rsa": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "rsa-384": {"RS384"},
    "p-256": {"ES256"},
    "p-384": {"ES384"},
    "p-521": {"ES512"},
    "ed25519": {"EdDSA", "Ed25519"},
    "ed448": {"EdDSA", "Ed448"},
    "oct": {"HS256", "HS384", "HS512"},
}

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Anything(jws.JWSRegistry):
    """Signs with whatever a test asks for."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


@pytest.fixture(scope="module")
def tokens() -> AccessTokens:
    listed = [{**key.as_dict(private=isinstance(key, OctKey)), "kid": kid} for kid, key in KEYS.items()]
    tokens = AccessTokens(SECRET, now_ms=lambda: 1_800_000_000_000)
    tokens.trust(trusted_keys(json.dumps({"keys": listed}).encode())[0])
    return tokens


def taken(tokens: AccessTokens, token: str) -> bool:
    """Whether it is good for anything; never for one of our people."""
    try:
        assert tokens.verify(token).user_id is None
    except TokenRefusal:
        return False
    return True


def part(value: object) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def by_hmac(secret: bytes, alg: str, **header: Any) -> str:
    signed = part({"alg": alg, **header}) + b"." + part(CLAIMS)
    return (signed + b"." + part(hmac.new(secret, signed, HASHES[alg]).digest())).decode()


def signable(kid: str, alg: str) -> bool:
    try:
        Anything.algorithms[alg].check_key(KEYS[kid])
    except Exception:
        return False
    return True


@pytest.mark.parametrize("kid", KEYS)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_signs_with_the_algorithms_of_its_kind_and_no_others(tokens: AccessTokens, kid: str, alg: str) -> None:
    if not signable(kid, alg):
        assert alg not in RIGHT[kid]
        return
    key = type(KEYS[kid]).import_key({k: v for k, v in KEYS[kid].as_dict(private=True).items() if k != "alg"})
    token = jws.serialize_compact({"alg": alg, "kid": kid}, json.dumps(CLAIMS), key, registry=Anything())
    assert taken(tokens, token) is (alg in RIGHT[kid])


@pytest.mark.parametrize("kid", KEYS)
@pytest.mark.parametrize("named", KEYS)
def test_a_token_is_checked_with_the_key_that_it_names_alone(tokens: AccessTokens, kid: str, named: str) -> None:
    alg = sorted(RIGHT[kid])[0]
    token = jws.serialize_compact({"alg": alg, "kid": named}, json.dumps(CLAIMS), KEYS[kid], registry=Anything())
    assert taken(tokens, token) is (kid == named)


def public_texts(key: Key) -> list[bytes]:
    """A public key in every form that a careless server might take for an HMAC secret."""
    public = key.as_dict(private=False)
    texts = [json.dumps(public).encode(), json.dumps(public, separators=(",", ":")).encode()]
    texts += [str(value).encode() for name, value in public.items() if name in ("n", "x", "y", "e")]
    texts += [base64.urlsafe_b64decode(text + b"===") for text in texts[2:]]
    if not isinstance(key, OctKey):
        texts += [key.as_pem(private=False), key.as_pem(private=False).strip(), key.as_der(private=False)]  # type: ignore[attr-defined]
    return texts


@pytest.mark.parametrize("kid", [kid for kid in KEYS if kid != "oct"])
@pytest.mark.parametrize("alg", HASHES)
def test_a_public_key_is_never_a_secret(tokens: AccessTokens, kid: str, alg: str) -> None:
    for secret in public_texts(KEYS[kid]):
        for header in ({}, {"kid": kid}, {"kid": "nobody"}, {"kid": ""}):
            assert not taken(tokens, by_hmac(secret, alg, **header))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "hs256", "rs256", "ES256K", "dir", "A128KW", "HS1"])
@pytest.mark.parametrize("kid", [None, *KEYS])
def test_no_other_algorithm_is_known(tokens: AccessTokens, alg: str, kid: str | None) -> None:
    header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
    signed = part(header) + b"." + part(CLAIMS)
    for signature in (b"", part(b"x"), part(hmac.new(SECRET, signed, hashlib.sha256).digest())):
        assert not taken(tokens, (signed + b"." + signature).decode())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["whatever"], "whatever": 1},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": ["HS256"]},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "kid": "x" * 300},
        {"kid": "rsa"},
    ],
    ids=["critical", "not encoded", "list", "number kid", "long kid", "no alg"],
)
def test_a_header_that_is_not_understood_is_refused_also_with_our_secret(
    tokens: AccessTokens, header: dict[str, Any]
) -> None:
    signed = part(header) + b"." + part(CLAIMS)
    token = signed + b"." + part(hmac.new(SECRET, signed, hashlib.sha256).digest())
    with pytest.raises(TokenRefusal):
        tokens.verify(token.decode())


def test_a_header_that_brings_its_own_key_is_not_believed(tokens: AccessTokens) -> None:
    key = RSAKey.generate_key(2_048, auto_kid=False)
    for kid in ("rsa", "theirs"):
        header = {"alg": "RS256", "kid": kid, "jwk": key.as_dict(private=False)}
        registry = Anything(strict_check_header=False)
        registry.max_header_length = 10_000
        assert not taken(tokens, jws.serialize_compact(header, json.dumps(CLAIMS), key, registry=registry))


def test_what_they_sign_is_good_where_it_should_be(tokens: AccessTokens) -> None:
    """Otherwise the rest of this file would pass with a server that takes nothing."""
    assert tokens.verify(by_hmac(SECRET, "HS512")).user_id == 42
    assert tokens.verify(by_hmac(SECRET, "HS256", kid="rsa")).user_id == 42
