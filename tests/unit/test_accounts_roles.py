"""What each role may do on this server, under every setting."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatssound.accounts.roles import ACTIONS, Action, may, may_all, require
from whatssound.accounts.user import Role
from whatssound.config import People, Who
from whatssound.wire.errors import Refusal

READS: set[Action] = {"read", "listen"}
TAKES_PART: set[Action] = READS | {"chat", "rename"}
BRINGS_MUSIC: set[Action] = TAKES_PART | {"upload", "browse_library", "encode", "open_room"}
RUNS_IT: set[Action] = BRINGS_MUSIC | {"invite", "scan"}

ROLES: tuple[Role, ...] = ("anon", "guest", "user", "invited", "owner")
"""Each may do what those before it may."""

policies = st.builds(People, may_upload=st.sampled_from(get_args(Who)), may_open_rooms=st.sampled_from(get_args(Who)))


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("anon", READS),
        ("guest", TAKES_PART),
        ("user", TAKES_PART),
        ("invited", BRINGS_MUSIC),
        ("owner", RUNS_IT),
        ("service", RUNS_IT),
    ],
)
def test_by_default_whom_the_owner_invited_brings_music(role: Role, allowed: set[Action]) -> None:
    assert set(may_all(role, People())) == allowed


@pytest.mark.parametrize(("who", "first"), [("owner", 4), ("invited", 3), ("registered", 2), ("anyone", 1)])
def test_a_setting_says_from_whom_on_rooms_are_opened(who: Who, first: int) -> None:
    people = People(may_upload="owner", may_open_rooms=who)
    assert [may(role, "open_room", people) for role in ROLES] == [place >= first for place in range(5)]
    assert [may(role, "browse_library", people) for role in ROLES] == [place >= first for place in range(5)]
    assert [may(role, "upload", people) for role in ROLES] == [role == "owner" for role in ROLES]


@given(policies, st.sampled_from(ACTIONS))
def test_a_greater_role_never_loses_what_a_smaller_one_may(people: People, action: Action) -> None:
    allowed = [may(role, action, people) for role in ROLES]
    assert allowed == sorted(allowed)


@given(policies, st.sampled_from(get_args(Role)), st.sampled_from(ACTIONS))
def test_what_is_not_allowed_is_refused_with_a_way_out(people: People, role: Role, action: Action) -> None:
    if may(role, action, people):
        require(role, action, people)
        return
    with pytest.raises(Refusal, match=r"[Ss]ign in|Make an account|ask this server's owner") as refusal:
        require(role, action, people)
    assert refusal.value.code == "forbidden"


def test_the_way_out_is_the_easiest_one() -> None:
    for role, action, people, advice in (
        ("anon", "chat", People(), "Sign in with a name to chat."),
        ("guest", "upload", People(), "You need an invitation to upload music; ask this server's owner for one."),
        ("guest", "open_room", People(may_open_rooms="registered"), "Make an account to open a room."),
        ("guest", "encode", People(may_upload="owner", may_open_rooms="registered"), "Make an account to encode"),
        ("invited", "invite", People(), "Only this server's owner may invite people; sign in with the owner link."),
    ):
        with pytest.raises(Refusal) as refusal:
            require(role, action, people)
        assert refusal.value.message.startswith(advice)
