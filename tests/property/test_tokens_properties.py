"""Access tokens: what was signed comes back, anything else is refused, and nothing crashes."""

from hypothesis import given
from hypothesis import strategies as st

from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import Identity, User
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

NOW_MS = 1_800_000_000_000
TOKENS = AccessTokens(b"k" * 32, now_ms=lambda: NOW_MS)

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
