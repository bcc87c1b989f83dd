"""Which access tokens are recalled, and for how long that is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from whatssound.accounts.recalls import Recalls
from whatssound.accounts.user import Identity
from whatssound.ids import UserId

HOUR_MS = 3_600_000
ANA = UserId(1)


def issued(at_ms: int, user_id: UserId | None = ANA) -> Identity:
    return Identity(user_id, "Ana", "user", at_ms + HOUR_MS, at_ms)


def test_what_was_issued_until_now_is_recalled_and_nothing_else() -> None:
    recalls = Recalls(HOUR_MS)
    recalls.recall(ANA, 1_000.7)
    assert recalls.holds(issued(999))
    assert recalls.holds(issued(1_000))
    assert not recalls.holds(issued(1_001))
    assert not recalls.holds(issued(999, UserId(2)))
    assert not recalls.holds(issued(999, None))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_token_issued_after_a_recall_holds_whatever_the_clock_says(recalled_ms: int, issued_ms: int) -> None:
    recalls = Recalls(HOUR_MS)
    recalls.recall(ANA, recalled_ms)
    assert not recalls.holds(issued(recalls.issue_ms(ANA, issued_ms)))
    assert recalls.issue_ms(UserId(2), issued_ms) == issued_ms


def test_recalls_from_before_a_restart_count_and_newer_ones_more() -> None:
    recalls = Recalls(HOUR_MS)
    recalls.recall(ANA, 2_000)
    recalls.load({ANA: 1_000, UserId(2): 1_000})
    assert recalls.holds(issued(1_500))
    assert recalls.holds(issued(1_000, UserId(2)))


def test_a_recall_is_forgotten_once_no_token_could_be_alive() -> None:
    recalls = Recalls(HOUR_MS)
    recalls.recall(ANA, 0)
    recalls.recall(UserId(2), HOUR_MS)
    assert len(recalls) == 2
    recalls.recall(UserId(3), HOUR_MS + 1)
    assert len(recalls) == 2
