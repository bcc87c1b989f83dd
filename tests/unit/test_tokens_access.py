"""Access tokens: expiry, keys, algorithms, roles, and the memory of what was verified."""

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from whatssound.accounts import tokens as module
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import Identity, User
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

KEY = b"k" * 32
ANA = User(UserId(42), "Ana", "guest")


class Clock:
    """Server time that a test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000.0

    def __call__(self) -> float:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> AccessTokens:
    return AccessTokens(KEY, now_ms=clock)


def signed(claims: dict[str, object], *, key: bytes = KEY, alg: str = "HS256") -> str:
    return jwt.encode({"alg": alg}, claims, OctKey.import_key(key), algorithms=[alg])


def code_of(tokens: AccessTokens, token: str) -> str | None:
    try:
        tokens.verify(token)
    except Refusal as refusal:
        return refusal.code
    return None


def test_a_token_lives_an_hour(tokens: AccessTokens, clock: Clock) -> None:
    token = tokens.issue(ANA, "guest")
    clock.now_ms += 3_599_999
    assert tokens.verify(token).user_id == 42
    clock.now_ms += 1
    with pytest.raises(Refusal) as refused:
        tokens.verify(token)
    assert (refused.value.code, refused.value.details) == ("unauthorized", {"expired": True})


def test_a_token_that_was_verified_before_expires_all_the_same(tokens: AccessTokens, clock: Clock) -> None:
    token = tokens.issue(ANA, "guest", 10)
    tokens.verify(token)
    clock.now_ms += 10_000
    assert code_of(tokens, token) == "unauthorized"
    assert code_of(tokens, token) == "unauthorized"


def test_a_token_of_another_key_is_refused(tokens: AccessTokens) -> None:
    assert code_of(tokens, AccessTokens(b"x" * 32, now_ms=lambda: 0).issue(ANA, "owner")) == "unauthorized"


def test_an_unsigned_token_is_refused(tokens: AccessTokens) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    token = f"{part({'alg': 'none'})}.{part({'sub': '42', 'role': 'owner', 'exp': 2_000_000_000})}."
    assert code_of(tokens, token) == "unauthorized"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "42", "role": "guest"},
        {"sub": "42", "exp": 2_000_000_000},
        {"sub": "42", "role": "", "exp": 2_000_000_000},
        {"sub": "42", "role": 7, "exp": 2_000_000_000},
        {"sub": ["42"], "role": "guest", "exp": 2_000_000_000},
        {"sub": True, "role": "guest", "exp": 2_000_000_000},
        {"sub": "42", "role": "guest", "exp": 1e300},
        {"sub": "42", "role": "guest", "exp": True},
        {"sub": "42", "role": "guest", "exp": "soon"},
        {"sub": "42", "role": "guest", "exp": 2_000_000_000, "iat": "now"},
    ],
    ids=[
        *("no exp", "no role", "empty role", "number role", "list sub", "truth for sub"),
        *("endless", "truth for exp", "text exp", "text iat"),
    ],
)
def test_a_signed_token_with_claims_that_make_no_sense_is_refused(
    tokens: AccessTokens, claims: dict[str, object]
) -> None:
    assert code_of(tokens, signed(claims)) == "unauthorized"


def test_a_token_without_a_person_only_reads_whatever_its_role_says(tokens: AccessTokens) -> None:
    identity = tokens.verify(signed({"role": "owner", "exp": 2_000_000_000}))
    assert identity == Identity(None, "", "anon", 2_000_000_000_000)


def test_a_token_that_is_too_long_is_refused_unread(tokens: AccessTokens) -> None:
    assert code_of(tokens, "e" * 1_000_000) == "unauthorized"


def test_the_memory_of_verified_tokens_is_bounded_and_keeps_the_latest(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED_TOKENS", 2)
    tokens = AccessTokens(KEY, now_ms=clock)
    first, second, third = (tokens.issue(User(UserId(id), "", "guest"), "guest") for id in (1, 2, 3))
    for token in (first, second, first, third):
        tokens.verify(token)
    remembered = [identity.user_id for identity in tokens._verified.values()]
    assert remembered == [1, 3]
