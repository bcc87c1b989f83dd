"""Who may do what on realtime topics: tokens at the door, policies, and what is said to those who may not."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from whatssound.accounts.known import Known
from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.tokens import READER, AccessTokens
from whatssound.accounts.user import Identity, User
from whatssound.adapters.policy_module import load_policy
from whatssound.config import StartError
from whatssound.ids import EPOCH_MS, Snowflakes, UserId
from whatssound.realtime.access import Access, Visitor
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.policy import GuardedPolicy, Policy, claims_of, default_policy, same_person
from whatssound.realtime.token_texts import refused_join, said_at_upgrade, said_on_channel
from whatssound.realtime.topics import Topic
from whatssound.wire.errors import Refusal

NOW_MS = 1_800_000_000_000
ANA = User(UserId(Snowflakes(lambda: NOW_MS).next()), "Ana", "guest")
UUID = "11111111-2222-4333-8444-555555555555"
PRIVATE = Topic("news", private=True)


class Place:
    """Tokens, and an Access that takes them."""

    def __init__(self, policy: Policy = default_policy, *, private_only: bool = False) -> None:
        self.tokens = AccessTokens(b"k" * 32, now_ms=lambda: NOW_MS, publishable=["sb_publishable_one"])
        self.known = Known(self.tokens, now_ms=lambda: NOW_MS)
        self.access = Access(self.known.verify, policy, is_recalled=self.known.is_recalled, private_only=private_only)

    def token(self, user: User | None = ANA, ttl_s: float = 60) -> str:
        return self.tokens.issue(user, user.role if user else "anon", ttl_s)

    def joins(self, token: str | None, key: Identity | None = None, now_ms: float = NOW_MS) -> Visitor | str:
        """Who comes in, or why not."""
        try:
            return self.access.joining(token, key, now_ms)
        except RealtimeRefusal as refusal:
            return refusal.reason


def stranger(**claims: Any) -> Identity:
    return Identity(None, "", "anon", 2_000_000_000_000, claims=msgspec.json.encode(claims))


def test_who_joins_with_a_token_is_who_it_says_and_without_one_whoever_opened_the_socket() -> None:
    place = Place()
    key = place.tokens.verify(place.token())
    assert place.joins(place.token()) == Visitor(key)
    assert place.joins(None, key) == Visitor(key, by_key=True)
    assert place.joins(place.token(None), key) == Visitor(place.tokens.verify(place.token(None)))


def test_an_opaque_key_in_place_of_a_token_stands_for_the_sockets_own() -> None:
    place = Place()
    key = place.tokens.verify(place.token())
    for text in ("sb_publishable_one", "sb_publishable_of_nobody", "sb_secret_x"):
        assert place.joins(text, key) == Visitor(key, by_key=True)
    assert place.joins("sb_publishable_one", None) == Visitor(READER)
    assert place.joins("sb_publishable_of_nobody", None) == "MalformedJWT: The token provided is not a valid JWT"


def test_a_sockets_own_token_does_not_outlive_itself_or_its_sign_in() -> None:
    place = Place()
    key = place.tokens.verify(place.token())
    late = NOW_MS + 62_000
    assert place.joins(None, key, late) == "InvalidJWTToken: Token has expired 2 seconds ago"
    place.known.recall(ANA.id)
    for joined in (place.joins(None, key), place.joins("sb_x", key), place.joins(place.token())):
        assert joined == "InvalidJWTToken: This sign-in has ended"
    assert place.joins(None, None) == "MalformedJWT: The token provided is not a valid JWT"


def test_a_server_that_cannot_say_yet_is_no_bad_token() -> None:
    def not_yet(_: str) -> Identity:
        raise Refusal("unavailable", "Not yet.", retry_after_ms=1_000)

    access = Access(not_yet, default_policy, is_recalled=lambda _: False)
    with pytest.raises(Refusal) as refused:
        access.visitor("x")
    assert refused.value.code == "unavailable"


def test_on_public_topics_everybody_may_do_everything_but_keep_messages() -> None:
    access = Place(lambda *_: False).access
    for extension in ("broadcast", "presence"):
        assert access.allows(Visitor(READER), Topic("news"), extension, "write")
    assert not access.allows(Visitor(READER), Topic("news"), "persistence", "write")
    assert not access.allows(Visitor(READER), PRIVATE, "broadcast", "read")


def test_where_only_private_topics_are_allowed_a_public_one_is_refused() -> None:
    Place().access.require_kind(Topic("news"))
    access = Place(private_only=True).access
    access.require_kind(PRIVATE)
    with pytest.raises(RealtimeRefusal) as refused:
        access.require_kind(Topic("news"))
    assert refused.value.reason == "PrivateOnly: This project only allows private channels"


def test_policies_see_every_claim_and_no_stranger_can_claim_a_role_of_ours() -> None:
    said = claims_of(stranger(role="authenticated", sub=UUID, exp=7, team={"a": 1}, whatssound_role="owner"))
    assert said == {"role": "authenticated", "sub": UUID, "exp": 2_000_000_000, "team": {"a": 1}}
    ours = Identity(ANA.id, "Ana", "guest", 2_000_000_000_000, claims=b'{"role":"guest","team":"red"}')
    assert claims_of(ours) == {
        **{"role": "authenticated", "sub": str(ANA.id), "exp": 2_000_000_000, "name": "Ana", "team": "red"},
        "whatssound_role": "guest",
    }
    assert claims_of(Identity(ANA.id, "", "service", 0))["role"] == "service_role"
    assert claims_of(READER)["role"] == "anon"


@pytest.mark.parametrize(
    ("identity", "topic", "allowed"),
    [
        (READER, "news", False),
        (stranger(role="authenticated"), "news", False),
        (stranger(role="authenticated", sub=""), "user:", False),
        (stranger(role="authenticated", sub=UUID), "news", True),
        (stranger(role="authenticated", sub=UUID), f"user:{UUID}", True),
        (stranger(role="authenticated", sub=UUID), "user:somebody-else", False),
        (stranger(role="authenticated", sub="42"), "user:42", True),
        (stranger(role="authenticated", sub=str(ANA.id)), f"user:{ANA.id}", False),
        (stranger(role="authenticated", sub=str(ANA.id), whatssound_role="guest"), f"user:{ANA.id}", False),
        (stranger(role="service_role"), f"user:{ANA.id}", True),
        (Identity(ANA.id, "Ana", "guest", 0), f"user:{ANA.id}", True),
        (Identity(ANA.id, "Ana", "guest", 0), f"user:{UUID}", False),
    ],
)
def test_without_a_policy_everybody_who_is_somebody_may_and_a_persons_topic_is_theirs(
    identity: Identity, topic: str, allowed: bool
) -> None:
    assert default_policy(claims_of(identity), topic, "broadcast", "write") is allowed


def test_an_id_of_ours_is_told_from_a_small_number_within_the_first_minutes_of_our_time() -> None:
    first = Snowflakes(lambda: EPOCH_MS + 5 * 60_000).next()
    assert not default_policy(claims_of(stranger(role="x", sub=str(first))), f"user:{first}", "broadcast", "read")


def test_two_tokens_are_of_one_person_by_our_id_or_by_their_sub() -> None:
    ana, bob = Identity(ANA.id, "Ana", "guest", 1), Identity(UserId(7), "Bob", "guest", 1)
    here, there = stranger(role="x", sub=UUID), stranger(role="y", sub=UUID, more=1)
    assert same_person(ana, Identity(ANA.id, "Anna", "user", 2))
    assert same_person(here, there)
    assert same_person(READER, stranger(role="anon"))
    for one, other in ((ana, bob), (ana, READER), (here, READER), (here, stranger(role="x", sub="other"))):
        assert not same_person(one, other)
    assert not same_person(ana, stranger(role="x", sub=str(ANA.id)))


def test_a_policy_that_fails_means_no_and_is_written_down_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    answers: dict[str, Any] = {"yes": True, "no": False, "truthy": 1, "none": None}

    def policy(claims: Mapping[str, Any], topic: str, extension: str, operation: str) -> Any:
        return answers[topic]

    guarded = GuardedPolicy(policy, now_s=lambda: now_s)
    asked = [guarded({}, topic, "broadcast", "read") for topic in ("yes", "no", "truthy", "none", "crash", "crash")]
    assert asked == [True, False, False, False, False, False]
    assert capsys.readouterr().out.count("the policy failed") == 1
    now_s = 10.0
    guarded({}, "crash", "broadcast", "read")
    assert capsys.readouterr().out.count("the policy failed") == 1
    assert guarded.statistics() == (7, 5)


MODULE = """
class Rules:
    def __call__(self, claims, topic, extension, operation):
        return topic == "open"

    def method(self, claims, topic, extension, operation):
        return True

rules = Rules()
number = 7

def few(claims):
    return True

async def later(claims, topic, extension, operation):
    return True
"""


def test_a_policy_is_found_where_the_server_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_rules.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    policy = load_policy("their_rules:rules")
    assert (policy({}, "open", "broadcast", "read"), policy({}, "x", "broadcast", "read")) == (True, False)
    assert load_policy("their_rules:rules.method")({}, "x", "broadcast", "read") is True
    for place, why in (
        ("nowhere_to_be_found:rules", "nowhere_to_be_found"),
        ("their_rules:nothing", "nothing"),
        ("their_rules:number", "called"),
        ("their_rules:few", "(claims, topic, extension, operation)"),
        ("their_rules:later", "async"),
    ):
        with pytest.raises(StartError) as refused:
            load_policy(place)
        assert why in str(refused.value)
        assert "--realtime-policy" in str(refused.value)


def test_a_module_that_crashes_is_a_start_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_crash.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(StartError, match="ZeroDivisionError"):
        load_policy("their_crash:rules")


def test_what_is_said_about_a_bad_token_is_what_supabase_says() -> None:
    signer = "Failed to generate JWT signer, check your JWT secret or JWKS configuration"
    named = 'Failed to generate JWT signer for key ID (kid) "a", check your JWT secret or JWKS configuration'
    old = TokenRefusal("expired", ago_ms=77_900)
    said = [
        (TokenRefusal("malformed"), "MalformedJWT", "The token provided is not a valid JWT"),
        (TokenRefusal("claims"), "InvalidJWTToken", "Fields `role` and `exp` are required in JWT"),
        (TokenRefusal("signature"), "JwtSignatureError", "Failed to validate JWT signature"),
        (TokenRefusal("signer"), "JwtSignerError", signer),
        (TokenRefusal("signer", kid="a"), "JwtSignerError", named),
    ]
    for refusal, code, text in said:
        assert said_at_upgrade(refusal) == said_on_channel(refusal) == text
        assert refused_join(refusal).reason == f"{code}: {text}"
    assert said_at_upgrade(old) == "Token has expired"
    assert said_on_channel(old) == "Token has expired 77 seconds ago"
    assert refused_join(old).reason == "InvalidJWTToken: Token has expired 77 seconds ago"
    assert refused_join(old).code == "unauthorized"
