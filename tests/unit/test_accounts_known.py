"""What is known of people without asking the accounts, and when that is not enough."""

from dataclasses import dataclass

import pytest

from whatssound.accounts import known
from whatssound.accounts.known import Known
from whatssound.accounts.tokens import AccessTokens
from whatssound.accounts.user import Identity, Role, User
from whatssound.ids import UserId
from whatssound.wire.errors import Refusal

LEO = User(UserId(2), "Leo", "guest")
MIA = User(UserId(3), "Mia", "guest")


@dataclass
class Place:
    """A process's knowledge, and its clock."""

    ms: float = 1_800_000_000_000.0

    def __post_init__(self) -> None:
        self.tokens = AccessTokens(b"k" * 32, now_ms=lambda: self.ms)
        self.known = Known(self.tokens, now_ms=lambda: self.ms)

    def identity(self, user: User, role: Role | None = None) -> Identity:
        self.ms += 1
        return self.known.verify(self.tokens.issue(user, role or user.role))


def test_a_fresh_token_says_who_somebody_is() -> None:
    at = Place()
    assert at.known.person(at.identity(LEO)) == LEO


def test_who_took_another_name_since_is_called_by_it() -> None:
    at = Place()
    identity = at.identity(LEO)
    at.known.changed(User(LEO.id, "Leonard", "user"))
    assert at.known.person(identity) == User(LEO.id, "Leonard", "user")


@pytest.mark.parametrize("why", ["it is older than what was heard", "its role was asked for", "it only reads"])
def test_a_token_that_may_not_say_the_truth_is_looked_up(why: str) -> None:
    at = Place()
    identity = {
        "it is older than what was heard": Identity(LEO.id, "Leo", "guest", 2**53, int(at.ms) - 1),
        "its role was asked for": at.identity(LEO, "owner"),
        "it only reads": Identity(None, "", "anon", 2**53, int(at.ms) + 1),
    }[why]
    assert at.known.person(identity) is None


def test_when_very_many_changed_older_tokens_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "REMEMBERED_CHANGES", 1)
    at = Place()
    identity = at.identity(LEO)
    at.ms += 1
    at.known.changed(User(LEO.id, "Leonard", "guest"))
    at.known.changed(User(MIA.id, "Maria", "guest"))
    assert at.known.person(identity) is None
    assert at.known.person(at.identity(MIA)) == User(MIA.id, "Maria", "guest")


def test_another_process_catches_up_with_names_and_recalls() -> None:
    here, there = Place(), Place()
    leo, mia = here.identity(LEO), here.identity(MIA)
    here.known.changed(User(LEO.id, "Leonard", "guest"))
    here.known.recall(MIA.id)
    there.known.catch_up(here.known.news())
    assert there.known.person(leo) == User(LEO.id, "Leonard", "guest")
    assert there.known.is_recalled(mia)
    with pytest.raises(Refusal):
        there.known.verify(here.tokens.issue(MIA, "guest", issued_ms=int(here.ms) - 1))


def test_news_that_leave_out_old_changes_say_since_when_they_are_whole() -> None:
    here, there = Place(), Place()
    leo = here.identity(LEO)
    here.ms += 1
    here.known.changed(User(LEO.id, "Leonard", "guest"))
    here.ms += 1
    here.known.changed(User(MIA.id, "Maria", "guest"))
    there.known.catch_up(here.known.news(most=1))
    assert there.known.person(leo) is None
    assert there.known.person(here.identity(MIA)) == User(MIA.id, "Maria", "guest")
